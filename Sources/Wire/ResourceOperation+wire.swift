import Resources

extension ResourceOperation {
  /// Reads an operation that somebody sent. Throws with Mesos' texts; nil when it is not one that converts resources.
  public init?(wire message: MesosOffer.Operation) throws(ResourceError) {
    switch message.type {
    case .reserve:
      guard message.hasReserve else { throw .missing("A RESERVE", "reserve") }
      self = .reserve(
        try Resource.all(message.reserve.resources), source: try Resource.all(message.reserve.source))
    case .unreserve:
      guard message.hasUnreserve else { throw .missing("An UNRESERVE", "unreserve") }
      self = .unreserve(try Resource.all(message.unreserve.resources))
    case .create:
      guard message.hasCreate else { throw .missing("A CREATE", "create") }
      self = .create(try Resource.all(message.create.volumes))
    case .destroy:
      guard message.hasDestroy else { throw .missing("A DESTROY", "destroy") }
      self = .destroy(try Resource.all(message.destroy.volumes))
    case .growVolume:
      guard message.hasGrowVolume else { throw .missing("A GROW_VOLUME", "grow_volume") }
      self = .growVolume(
        try Resource(wire: message.growVolume.volume), addition: try Resource(wire: message.growVolume.addition))
    case .shrinkVolume:
      guard message.hasShrinkVolume else { throw .missing("A SHRINK_VOLUME", "shrink_volume") }
      let amount = message.shrinkVolume.subtract.value
      self = .shrinkVolume(
        try Resource(wire: message.shrinkVolume.volume), subtract: amount.isNaN ? .zero : Quantity(amount))
    case .unknown, .launch, .launchGroup, .createDisk, .destroyDisk: return nil
    }
  }
}

extension MesosOffer.Operation {
  /// An operation without an id.
  public init(_ operation: ResourceOperation, _ format: ReservationFormat = .stack) {
    self.init()
    func all(_ resources: [Resource]) -> [MesosResource] { resources.map { MesosResource($0, format) } }
    switch operation {
    case .reserve(let resources, let source):
      type = .reserve
      reserve.resources = all(resources)
      reserve.source = all(source)
    case .unreserve(let resources):
      type = .unreserve
      unreserve.resources = all(resources)
    case .create(let volumes):
      type = .create
      create.volumes = all(volumes)
    case .destroy(let volumes):
      type = .destroy
      destroy.volumes = all(volumes)
    case .growVolume(let volume, let addition):
      type = .growVolume
      growVolume.volume = MesosResource(volume, format)
      growVolume.addition = MesosResource(addition, format)
    case .shrinkVolume(let volume, let subtract):
      type = .shrinkVolume
      shrinkVolume.volume = MesosResource(volume, format)
      shrinkVolume.subtract.value = subtract.units
    }
  }
}

extension MesosOperationState {
  /// No other state follows.
  public var isTerminal: Bool {
    switch self {
    case .operationFinished, .operationFailed, .operationError, .operationDropped, .operationGoneByOperator: true
    case .operationUnsupported, .operationPending, .operationUnreachable, .operationRecovering, .operationUnknown:
      false
    }
  }
}

extension Resource {
  fileprivate static func all(_ messages: [MesosResource]) throws(ResourceError) -> [Resource] {
    var resources: [Resource] = []
    for message in messages { resources.append(try Resource(wire: message)) }
    return resources
  }
}

extension ResourceError {
  fileprivate static func missing(_ operation: String, _ field: String) -> ResourceError {
    ResourceError("\(operation) offer operation must have the Offer.Operation.\(field) field set.")
  }
}
