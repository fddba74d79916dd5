/// An operation on resources, as a framework asks for it on an offer or an operator on an agent.
///
/// `validate` says whether it makes sense; `conversions` what it does.
public enum ResourceOperation: Hashable, Sendable {
  /// With a source those reservations are replaced; without, each resource gets its last reservation on top.
  case reserve([Resource], source: [Resource] = [])
  case unreserve([Resource])
  case create([Resource])
  case destroy([Resource])
  case growVolume(Resource, addition: Resource)
  case shrinkVolume(Resource, subtract: Quantity)

  /// As in the Mesos API.
  public var name: String {
    switch self {
    case .reserve: "RESERVE"
    case .unreserve: "UNRESERVE"
    case .create: "CREATE"
    case .destroy: "DESTROY"
    case .growVolume: "GROW_VOLUME"
    case .shrinkVolume: "SHRINK_VOLUME"
    }
  }

  /// In order. Their sum of each resource does not change: an operation makes nothing and loses nothing.
  public var conversions: [Conversion] {
    switch self {
    case .reserve(let resources, let source):
      let consumed = source.isEmpty ? resources.map(\.withoutLastReservation) : source
      return [Conversion(Resources(consumed), to: Resources(resources))]
    case .unreserve(let resources):
      return resources.map { Conversion(Resources($0), to: Resources($0.withoutLastReservation)) }
    case .create(let volumes):
      return volumes.map { Conversion(Resources($0.withoutVolume), to: Resources($0)) }
    case .destroy(let volumes):
      return volumes.map { Conversion(Resources($0), to: Resources($0.withoutVolume), vanishing: $0) }
    case .growVolume(let volume, let addition):
      var grown = volume
      grown.value.add(addition.value)
      return [Conversion(Resources(volume) + Resources(addition), to: Resources(grown))]
    case .shrinkVolume(let volume, let subtract):
      var freed = volume.withoutVolume
      freed.value = .scalar(subtract)
      var shrunk = volume
      shrunk.value.subtract(freed.value)
      return [Conversion(Resources(volume), to: Resources(shrunk) + Resources(freed))]
    }
  }

  /// All that must be there before.
  public var consumed: Resources { conversions.reduce(into: Resources()) { $0 += $1.consumed } }

  /// Volumes that it brings into being, and those that it ends.
  public var createdVolumes: [Resource] { if case .create(let volumes) = self { volumes } else { [] } }
  public var destroyedVolumes: [Resource] { if case .destroy(let volumes) = self { volumes } else { [] } }

  /// The operation in the hands of `role`, where its resources do not say another (protocol fact 58).
  public func allocated(to role: String) -> ResourceOperation {
    mapped { if $0.allocationRole == nil { $0.allocationRole = role } }
  }

  /// The operation as it is applied to all that an agent has.
  public func unallocated() -> ResourceOperation {
    mapped { $0.allocationRole = nil }
  }

  private func mapped(_ change: (inout Resource) -> Void) -> ResourceOperation {
    func all(_ resources: [Resource]) -> [Resource] { resources.map(one) }
    func one(_ resource: Resource) -> Resource {
      var resource = resource
      change(&resource)
      return resource
    }
    return switch self {
    case .reserve(let resources, let source): .reserve(all(resources), source: all(source))
    case .unreserve(let resources): .unreserve(all(resources))
    case .create(let volumes): .create(all(volumes))
    case .destroy(let volumes): .destroy(all(volumes))
    case .growVolume(let volume, let addition): .growVolume(one(volume), addition: one(addition))
    case .shrinkVolume(let volume, let subtract): .shrinkVolume(one(volume), subtract: subtract)
    }
  }
}
