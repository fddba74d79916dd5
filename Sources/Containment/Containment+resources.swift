import ModuleHost

/// Amounts of running containers: change and measurement.
extension Containment {
  func fit(
    _ id: String, requests: [ContainerDescription.Amount], limits: [ContainerDescription.Amount]
  ) -> IsolatorFailure? {
    guard let container = containers[id], case .running = container.phase else {
      return IsolatorFailure(isolator: "containment", message: "container \(id) does not run")
    }
    var description = container.request.description
    description.requests = requests
    description.limits = limits
    do {
      var plan = try plan(description)
      let kept = keepMemoryInUse(&plan, of: container)
      try write(plan, to: container)
      container.plan.replaceCgroup(with: plan)
      measureDisk(of: container)
      container.request.description = description
      return kept
    } catch let failure as IsolatorFailure {
      return failure
    } catch {
      return IsolatorFailure(isolator: "containment", message: "\(error)")
    }
  }

  /// The kernel would kill processes to fit them into a hard limit below what they use: such a limit stays as it was.
  private func keepMemoryInUse(_ plan: inout ContainerPlan, of container: SupervisedContainer) -> IsolatorFailure? {
    guard let key = plan.cgroup.first(where: { $0.file == "memory.max" }), let wanted = UInt64(key.value),
      let cgroup = container.cgroup, let inUse = cgroup.read("memory.current").flatMap(Self.number), wanted < inUse,
      let old = container.plan.cgroup.first(where: { $0.file == key.file })
    else { return nil }
    plan.replaceValue(of: key.file, with: old.value)
    return IsolatorFailure(
      isolator: key.isolator,
      message: "memory.max of container \(container.id) stays \(old.value): \(inUse) bytes are in use, \(wanted) wanted"
    )
  }

  /// Writes the keys that differ. One that is refused comes again after the others, since the kernel wants some of them in
  /// an order that depends on their values (a burst within its quota). When one fails for good, those that were written
  /// get their old values again.
  private func write(_ plan: ContainerPlan, to container: SupervisedContainer) throws(IsolatorFailure) {
    guard let cgroup = container.cgroup else { return }
    let old = container.plan.cgroup
    let changed = plan.cgroup.filter { key in !old.contains { $0.field == key.field && $0.value == key.value } }
    let refused = cgroup.write(changed).map(\.key)
    guard let (key, failure) = cgroup.write(refused).first else { return }
    let before = changed.compactMap { key in old.first { $0.field == key.field } }
    _ = cgroup.write(cgroup.write(before).map(\.key))
    throw IsolatorFailure(isolator: key.isolator, message: "\(failure)")
  }

  private static func number(_ text: String) -> UInt64? { text.split(separator: "\n").first.flatMap { UInt64($0) } }

  func measure(_ id: String) -> [String: Double] {
    guard let container = containers[id], case .running = container.phase else { return [:] }
    let cgroup: any CgroupReading = container.cgroup ?? NoCgroup()
    var statistics: [String: Double] = [:]
    if let disk = container.plan.disk {
      if let bytes = container.diskUse { statistics["disk_used_bytes"] = Double(bytes) }
      if let bytes = disk.limitBytes { statistics["disk_limit_bytes"] = Double(bytes) }
    }
    for isolator in isolators {
      do {
        let measured = try isolator.usage(container.request.description, cgroup: cgroup)
        // Like all fields, a number has one owner: the first that gives it.
        statistics.merge(measured) { first, _ in first }
      } catch {
        log.warning("container \(id): \(error)")
      }
    }
    if container.cgroup == nil { addChildren(of: container, to: &statistics) }
    return statistics
  }
}

extension Containment {
  /// Without a cgroup what a pod uses is what is measured within it.
  private func addChildren(of container: SupervisedContainer, to statistics: inout [String: Double]) {
    for child in container.children where containers[child]?.isVisitor == false {
      for (field, value) in measure(child) where !field.contains("limit") { statistics[field, default: 0] += value }
    }
  }
}

/// Of a container without a cgroup.
private struct NoCgroup: CgroupReading {
  func read(_ file: String) -> String? { nil }
}
