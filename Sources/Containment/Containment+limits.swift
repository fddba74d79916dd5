import ModuleHost

/// Limits that the kernel enforces: what happens when a container runs into one.
extension Containment {
  /// Asks to hear of changes in the files that isolators want watched.
  func observeWatches(of container: SupervisedContainer) {
    guard let tree, let cgroup = container.cgroup else { return }
    for file in Set(container.plan.watches.map(\.file)) {
      let watch = tree.observe("\(cgroup.path)/\(file)") { [self] in
        checkWatches(of: container)
        if container.limitation != nil, case .running = container.phase { end(container, as: .exited) }
      }
      // Then it is noticed when the container ends, as an out-of-memory kill mostly makes it.
      guard let watch else {
        log.warning("container \(container.id): \(file) cannot be watched")
        continue
      }
      container.observedFiles.append(watch)
    }
  }

  /// Sets the limitation if a watched number is above zero, which is where the kernel begins in a new group.
  func checkWatches(of container: SupervisedContainer) {
    guard container.limitation == nil, let cgroup = container.cgroup else { return }
    let fired = container.plan.watches.first {
      (cgroup.number($0.key, in: $0.file) ?? 0) > 0 && isOwn($0, of: container, in: cgroup)
    }
    guard let fired else { return }
    container.limitation = limitation(fired, in: cgroup)
  }

  /// The kernel counts a kill in the group of the one that was killed and in all above. Where a pod and its tasks have
  /// limits each, only the group whose limit was met counts an "oom" in its local events.
  private func isOwn(_ watch: PlanEntry.Watch, of container: SupervisedContainer, in cgroup: ContainerCgroup) -> Bool {
    guard watch.file == "memory.events", !container.parentID.isEmpty || cgroup.handsDown("memory"),
      let met = cgroup.number("oom", in: "memory.events.local")
    else { return true }
    return met > 0
  }

  private func limitation(_ watch: PlanEntry.Watch, in cgroup: ContainerCgroup) -> ContainerExit.Limitation {
    let limit = Self.bytes(of: watch.limitFile, in: cgroup)
    let peak = Self.bytes(of: watch.peakFile, in: cgroup)
    let name =
      switch watch.limitation {
      case .memory: "Memory"
      case .disk: "Disk"
      case .other: watch.resource
      }
    var message = "\(name) limit exceeded:"
    if let limit { message += " Requested: \(Self.megabytes(limit))" }
    if let peak { message += " Maximum Used: \(Self.megabytes(peak))" }
    var details = ["\(watch.key) \(cgroup.number(watch.key, in: watch.file) ?? 0) in \(watch.file)"]
    if let limit { details.append("\(watch.limitFile) \(limit)") }
    if let peak { details.append("\(watch.peakFile) \(peak)") }
    message += " (\(details.joined(separator: ", ")))"
    let amount = limit.map { bytes in
      ContainerDescription.Amount(name: watch.resource, value: Int64(clamping: bytes.multipliedOrMax(by: 1000) >> 20))
    }
    return ContainerExit.Limitation(kind: watch.limitation, resource: amount, message: message)
  }

  /// nil for no file and for the kernel's "max".
  private static func bytes(of file: String, in cgroup: ContainerCgroup) -> UInt64? {
    guard !file.isEmpty, let text = cgroup.read(file) else { return nil }
    return text.split(separator: "\n").first.flatMap { UInt64($0) }
  }

  /// To the nearest megabyte: a peak lies a page or two below its limit.
  private static func megabytes(_ bytes: UInt64) -> String { "\((bytes >> 20) + (bytes >> 19 & 1))MB" }
}

extension UInt64 {
  fileprivate func multipliedOrMax(by factor: UInt64) -> UInt64 {
    let (product, overflow) = multipliedReportingOverflow(by: factor)
    return overflow ? .max : product
  }
}
