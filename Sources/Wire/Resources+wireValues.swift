import Resources

extension Value {
  init(wire message: MesosResource) throws(ResourceError) {
    guard message.hasType else { throw message.refused("Invalid resource type") }
    switch message.type {
    case .scalar:
      guard message.hasScalar, !message.hasRanges, !message.hasSet else {
        throw message.refused("Invalid scalar resource")
      }
      self = .scalar(try message.validatedScalar())
    case .ranges:
      guard message.hasRanges, !message.hasScalar, !message.hasSet else {
        throw message.refused("Invalid ranges resource")
      }
      do { self = .ranges(try Ranges(wire: message.ranges)) } catch { throw message.refused(error.description) }
    case .set:
      guard message.hasSet, !message.hasScalar, !message.hasRanges else {
        throw message.refused("Invalid set resource")
      }
      let items = Set(message.set.item)
      guard items.count == message.set.item.count else {
        throw message.refused("Invalid set resource: duplicated elements")
      }
      self = .set(items)
    case .text:
      throw message.refused("Unsupported resource type")
    }
  }
}

extension Ranges {
  init(wire message: MesosValue.Ranges) throws(ResourceError) {
    try self.init(validating: message.range.lazy.map { (begin: $0.begin, end: $0.end) })
  }
}

extension MesosValue.Ranges {
  init(_ ranges: Ranges) {
    self.init()
    range = ranges.intervals.map { interval in
      var range = MesosValue.Range()
      range.begin = interval.lowerBound
      range.end = interval.upperBound
      return range
    }
  }
}

extension MesosResource {
  mutating func set(_ value: Value) {
    switch value {
    case .scalar(let quantity):
      type = .scalar
      scalar.value = quantity.units
    case .ranges(let ranges):
      type = .ranges
      self.ranges = MesosValue.Ranges(ranges)
    case .set(let items):
      type = .set
      set.item = items.sorted()
    }
  }

  /// The error of a message whose value makes no sense.
  fileprivate func refused(_ reason: String) -> ResourceError {
    ResourceError("Resource '\(name)' is invalid: \(reason)")
  }

  fileprivate func validatedScalar() throws(ResourceError) -> Quantity {
    do {
      return try Quantity(validating: scalar.value)
    } catch {
      // Mesos names the amount as well: `Resource 'cpus:-1' is invalid: …`
      let fits = abs(scalar.value) <= Quantity.largestAccepted.units
      let shown = fits ? Resource(name, .scalar(Quantity(scalar.value))).description : "\(name):\(scalar.value)"
      throw ResourceError("Resource '\(shown)' is invalid: \(error)")
    }
  }
}

extension Attribute {
  public init(wire message: MesosAttribute) throws(ResourceError) {
    switch message.type {
    case .scalar: self.init(message.name, .scalar(Quantity(message.scalar.value)))
    case .ranges: self.init(message.name, .ranges(try Ranges(wire: message.ranges)))
    case .text: self.init(message.name, .text(message.text.value))
    case .set: throw ResourceError("Attribute '\(message.name)' is invalid: sets cannot be attributes")
    }
  }
}

extension MesosAttribute {
  public init(_ attribute: Attribute) {
    self.init()
    name = attribute.name
    switch attribute.value {
    case .scalar(let quantity):
      type = .scalar
      scalar.value = quantity.units
    case .ranges(let ranges):
      type = .ranges
      self.ranges = MesosValue.Ranges(ranges)
    case .text(let text):
      type = .text
      self.text.value = text
    }
  }
}

extension Disk {
  init(wire info: MesosResource.DiskInfo, of message: MesosResource) throws(ResourceError) {
    self.init()
    if info.hasPersistence {
      persistence = Persistence(
        id: info.persistence.id, principal: info.persistence.hasPrincipal ? info.persistence.principal : nil)
    }
    if info.hasVolume {
      volume = Volume(
        containerPath: info.volume.containerPath, hostPath: info.volume.hasHostPath ? info.volume.hostPath : nil,
        isReadOnly: info.volume.mode == .ro)
    }
    if info.hasSource { source = try Source(wire: info.source, of: message) }
  }
}

extension Disk.Source {
  fileprivate init(wire info: MesosResource.DiskInfo.Source, of message: MesosResource) throws(ResourceError) {
    if info.type == .block || info.type == .raw {
      for (field, isSet) in [("Mount", info.hasMount), ("Path", info.hasPath)] where isSet {
        throw message.invalid(
          "\(field) should not be set for \(info.type == .raw ? "RAW" : "BLOCK") disk source")
      }
    }
    switch info.type {
    case .path: self.init(.path, root: info.path.hasRoot ? info.path.root : nil)
    case .mount: self.init(.mount, root: info.mount.hasRoot ? info.mount.root : nil)
    case .block: self.init(.block)
    case .raw: self.init(.raw)
    case .unknown: throw message.invalid("Unsupported 'DiskInfo.Source.Type' UNKNOWN")
    }
    if info.hasVendor { vendor = info.vendor }
    if info.hasID { id = info.id }
    if info.hasProfile { profile = info.profile }
    metadata = info.metadata.labels.map(Label.init(wire:))
  }
}

extension MesosResource.DiskInfo {
  init(_ disk: Disk) {
    self.init()
    if let persistence = disk.persistence {
      self.persistence.id = persistence.id
      if let principal = persistence.principal { self.persistence.principal = principal }
    }
    if let volume = disk.volume {
      self.volume.containerPath = volume.containerPath
      self.volume.mode = volume.isReadOnly ? .ro : .rw
      if let hostPath = volume.hostPath { self.volume.hostPath = hostPath }
    }
    if let source = disk.source { self.source = Source(source) }
  }
}

extension MesosResource.DiskInfo.Source {
  fileprivate init(_ source: Disk.Source) {
    self.init()
    switch source.kind {
    case .path:
      type = .path
      if let root = source.root { path.root = root }
    case .mount:
      type = .mount
      if let root = source.root { mount.root = root }
    case .block: type = .block
    case .raw: type = .raw
    }
    if let vendor = source.vendor { self.vendor = vendor }
    if let id = source.id { self.id = id }
    if let profile = source.profile { self.profile = profile }
    if !source.metadata.isEmpty { metadata.labels = source.metadata.map(MesosLabel.init) }
  }
}
