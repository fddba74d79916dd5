/// What an operation does to resources: some go, others come in their place.
public struct Conversion: Equatable, Sendable {
  public var consumed: Resources
  public var converted: Resources
  /// A volume of which nothing may be left afterwards: more copies of a shared one are in other hands.
  var vanishing: Resource?

  public init(_ consumed: Resources, to converted: Resources, vanishing: Resource? = nil) {
    self.consumed = consumed
    self.converted = converted
    self.vanishing = vanishing
  }

  /// The same in nobody's hands, as it is applied to all that an agent has.
  public func unallocated() -> Conversion {
    var vanishing = vanishing
    vanishing?.allocationRole = nil
    return Conversion(consumed.unallocated(), to: converted.unallocated(), vanishing: vanishing)
  }
}

extension Resources {
  /// These resources after a conversion. Throws, with Mesos' text, when not all that it consumes is here.
  public func applying(_ conversion: Conversion) throws(ResourceError) -> Resources {
    guard contains(conversion.consumed) else {
      throw ResourceError("\(self) does not contain \(conversion.consumed)")
    }
    let result = self - conversion.consumed + conversion.converted
    if let volume = conversion.vanishing, result.contains(Resources(volume)) {
      throw ResourceError("Persistent volume \(volume) cannot be removed due to additional shared copies")
    }
    return result
  }

  /// These resources after several conversions, all of them or none.
  public func applying(_ conversions: [Conversion]) throws(ResourceError) -> Resources {
    var result = self
    for conversion in conversions { result = try result.applying(conversion) }
    return result
  }

  /// What of `wanted` is not here; empty exactly when `contains(wanted)`.
  public func missing(of wanted: Resources) -> Resources {
    wanted - self
  }
}

extension Resource {
  /// Without its innermost reservation; unreserved stays what it is.
  var withoutLastReservation: Resource {
    var resource = self
    if !reservations.isEmpty { resource.reservations.removeLast() }
    return resource
  }

  /// The plain disk that a persistent volume is made of: what tells its device stays.
  public var withoutVolume: Resource {
    var resource = self
    resource.disk = disk?.source.map { Disk(source: $0) }
    // Only volumes are shared.
    resource.isShared = false
    return resource
  }

  public var isPersistentVolume: Bool { disk?.persistence != nil }

  public var isDynamicallyReserved: Bool { reservations.last?.kind == .dynamic }

  /// What an agent must remember over a restart, for its `--resources` do not say it.
  public var isMadeByOperation: Bool {
    providerID == nil && (reservations.contains { $0.kind == .dynamic } || isPersistentVolume)
  }

  /// What this was before any operation: as an agent's `--resources` say it.
  public var beforeOperations: Resource {
    var resource = isPersistentVolume ? withoutVolume : self
    resource.reservations = resource.reservations.filter { $0.kind == .static }
    return resource
  }
}

extension Resources {
  /// What operations have made of an agent's resources: reservations and volumes.
  public var madeByOperations: Resources { filter(\.isMadeByOperation) }

  public var persistentVolumes: Resources { filter(\.isPersistentVolume) }

  /// Makes the results of earlier operations again out of what an agent has at its start. Throws, with Mesos' text, when
  /// it has no longer what they were made of.
  public func restoring(_ made: Resources) throws(ResourceError) -> Resources {
    var result = self
    for resource in made {
      let origin = Resources(resource.beforeOperations)
      guard result.contains(origin) else {
        throw ResourceError("Incompatible agent resources: \(result) does not contain \(origin)")
      }
      result -= origin
      result += Resources(resource)
    }
    return result
  }
}
