import ModuleHost

/// What containers keep on disk: measured every now and then, and bounded where an isolator wants that.
extension Containment {
  /// Begins to measure if the plan says so. Comes again by itself until the container ends.
  func measureDisk(of container: SupervisedContainer) {
    guard container.diskTimer == nil, container.diskMeasurement == nil, let disk = container.plan.disk else { return }
    container.diskTimer = loop.schedule(afterMs: UInt64(disk.intervalNs) / 1_000_000) { [self] in
      container.diskTimer = nil
      guard case .running = container.phase, let disk = container.plan.disk, let meter = diskMeter() else { return }
      container.diskMeasurement = meter.measure(disk.path) { [self, id = container.id] measurement, bytes in
        loop.submit { [self] in measured(bytes, by: measurement, of: id) }
      }
    }
  }

  func stopMeasuringDisk(of container: SupervisedContainer) {
    container.diskMeasurement?.cancel()
    container.diskMeasurement = nil
    if let timer = container.diskTimer { loop.cancel(timer) }
    container.diskTimer = nil
  }

  /// The thread is there from the first container on that is to be measured.
  private func diskMeter() -> DiskMeter? {
    if let meter { return meter }
    do {
      meter = try DiskMeter()
    } catch {
      log.error("the disk use of containers is not measured: \(error)")
    }
    return meter
  }

  private func measured(_ bytes: UInt64?, by measurement: DiskMeter.Measurement, of id: String) {
    // An id may have come again meanwhile.
    guard let container = containers[id], container.diskMeasurement === measurement, case .running = container.phase
    else { return }
    container.diskMeasurement = nil
    if let bytes { container.diskUse = bytes }
    if let bytes, let disk = container.plan.disk, disk.isEnforced, let limit = disk.limitBytes, bytes > UInt64(limit) {
      container.limitation = Self.limitation(disk.path, bytes: bytes, limit: UInt64(limit))
      return end(container, as: .exited)
    }
    measureDisk(of: container)
  }

  private static func limitation(_ path: String, bytes: UInt64, limit: UInt64) -> ContainerExit.Limitation {
    let amount = ContainerDescription.Amount(
      name: "disk", value: Int64(clamping: limit.multipliedOrMax(by: 1000) >> 20))
    return ContainerExit.Limitation(
      kind: .disk, resource: amount,
      message: "Disk usage (\(megabytes(bytes))) exceeds quota (\(megabytes(limit))) (\(bytes) bytes below \(path), "
        + "of \(limit))")
  }
}
