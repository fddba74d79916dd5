import ModuleHost

/// Limits that the kernel enforces: what happens when a container runs into one.
extension Containment {
  /// Asks to hear of changes in the files that isolators want watched.
  func observeWatches(of container: SupervisedContainer) {
    guard let tree, let cgroup = container.cgroup else { return }
    for file in Set(container.plan.watches.filter { $0.limitation != .noted }.map(\.file)) {
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

  /// Sets the limitation if a watched number has risen: in a new group the kernel begins with zero.
  func checkWatches(of container: SupervisedContainer) {
    guard container.limitation == nil, let cgroup = container.cgroup else { return }
    let fired = container.plan.watches.first { watch in
      watch.limitation != .noted && cgroup.hasRisen(watch) && cgroup.isCause(watch)
    }
    guard let fired else { return }
    container.limitation = limitation(fired, in: cgroup)
  }

  /// Notes what else the kernel has to tell; the group still exists and nothing runs in it any more.
  func takeNotes(of container: SupervisedContainer) {
    guard let cgroup = container.cgroup else { return }
    container.notes = container.plan.watches.filter(cgroup.hasRisen).compactMap { watch in
      if watch.limitation == .noted {
        return "\(watch.resource) limit reached: \(details(watch, in: cgroup).joined(separator: ", "))"
      }
      guard container.limitation == nil, !cgroup.isCause(watch) else { return nil }
      return foreignLimit(watch, in: cgroup)
    }
  }

  /// Processes that the kernel killed for a limit which was not the container's.
  private func foreignLimit(_ watch: PlanEntry.Watch, in cgroup: ContainerCgroup) -> String {
    let what = "\(watch.key) \(cgroup.number(watch.key, in: watch.file) ?? 0) in \(watch.file)"
    guard let cause = watch.cause, let nested = cgroup.descendant(where: cause) else {
      return "killed within its own \(watch.resource) limit, because what lies above the container, or the machine, "
        + "ran out: \(what)"
    }
    let limit = cgroup.line(of: watch.limitFile, below: nested).map { " (\(watch.limitFile) \($0))" } ?? ""
    return "killed by the \(watch.resource) limit of its nested cgroup \(nested)\(limit): \(what)"
  }

  private func limitation(_ watch: PlanEntry.Watch, in cgroup: ContainerCgroup) -> ContainerExit.Limitation {
    let limit = cgroup.line(of: watch.limitFile).flatMap { UInt64($0) }
    let peak = cgroup.line(of: watch.peakFile).flatMap { UInt64($0) }
    let name =
      switch watch.limitation {
      case .memory: "Memory"
      case .disk: "Disk"
      case .other, .noted: watch.resource
      }
    var message = "\(name) limit exceeded:"
    if let limit { message += " Requested: \(Self.megabytes(limit))" }
    if let peak { message += " Maximum Used: \(Self.megabytes(peak))" }
    message += " (\(details(watch, in: cgroup).joined(separator: ", ")))"
    let amount = limit.map { bytes in
      ContainerDescription.Amount(name: watch.resource, value: Int64(clamping: bytes.multipliedOrMax(by: 1000) >> 20))
    }
    return ContainerExit.Limitation(kind: watch.limitation, resource: amount, message: message)
  }

  /// The number with its limit, its peak and the pressure, as far as the kernel has them.
  private func details(_ watch: PlanEntry.Watch, in cgroup: ContainerCgroup) -> [String] {
    var details = ["\(watch.key) \(cgroup.number(watch.key, in: watch.file) ?? 0) in \(watch.file)"]
    for file in [watch.limitFile, watch.peakFile] {
      if let line = cgroup.line(of: file) { details.append("\(file) \(line)") }
    }
    if let pressure = cgroup.line(of: watch.pressureFile) { details.append("\(watch.pressureFile) \(pressure)") }
    return details
  }

  /// To the nearest megabyte: a peak lies a page or two below its limit.
  static func megabytes(_ bytes: UInt64) -> String { "\((bytes >> 20) + (bytes >> 19 & 1))MB" }
}

extension ContainerCgroup {
  fileprivate func hasRisen(_ watch: PlanEntry.Watch) -> Bool {
    (number(watch.key, in: watch.file) ?? 0) >= watch.least
  }

  /// Whether it was this group's own limit.
  fileprivate func isCause(_ watch: PlanEntry.Watch) -> Bool {
    guard let cause = watch.cause, let number = number(cause.key, in: cause.file) else { return true }
    return number > 0
  }

  /// The first line of a file; nil for no file.
  fileprivate func line(of file: String, below nested: String? = nil) -> String? {
    guard !file.isEmpty, let text = nested.map({ readNested("\($0)/\(file)") }) ?? read(file) else { return nil }
    return text.split(separator: "\n").first.map(String.init)
  }
}

extension UInt64 {
  func multipliedOrMax(by factor: UInt64) -> UInt64 {
    let (product, overflow) = multipliedReportingOverflow(by: factor)
    return overflow ? .max : product
  }
}
