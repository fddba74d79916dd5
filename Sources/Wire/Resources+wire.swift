import Resources

/// How reservations are written on the wire (protocol fact 140).
public enum ReservationFormat: Sendable {
  /// `role` and `reservation`: for frameworks without RESERVATION_REFINEMENT. A refined reservation does not fit in it.
  case single
  /// `reservations` only.
  case stack
  /// Both where both can say it: what the endpoints for people and tools show (protocol fact 141).
  case both
}

extension Resources {
  /// Reads resources that somebody sent, in either reservation format. Throws with Mesos' texts.
  public init(wire messages: [MesosResource]) throws(ResourceError) {
    var resources: [Resource] = []
    resources.reserveCapacity(messages.count)
    for message in messages { resources.append(try Resource(wire: message)) }
    self.init(resources)
  }

  public func wire(_ format: ReservationFormat) -> [MesosResource] {
    map { MesosResource($0, format) }
  }
}

extension Resource {
  /// Reads a resource that somebody sent, in either reservation format. Throws with Mesos' texts.
  public init(wire message: MesosResource) throws(ResourceError) {
    self.init(message.name, try Value(wire: message))
    reservations = try Resource.reservations(of: message)
    if message.hasAllocationInfo, message.allocationInfo.hasRole { allocationRole = message.allocationInfo.role }
    if message.hasDisk { disk = try Disk(wire: message.disk, of: message) }
    isRevocable = message.hasRevocable
    isShared = message.hasShared
    if message.hasProviderID { providerID = message.providerID.value }
    try validate()
  }

  private static func reservations(of message: MesosResource) throws(ResourceError) -> [Reservation] {
    if !message.reservations.isEmpty {
      // The endpoint format repeats a single reservation in the old fields; anything else is a contradiction.
      guard !message.hasRole || message.role == message.reservations.last?.role else {
        throw message.invalid("'Resource.role' must not be set together with 'Resource.reservations'")
      }
      guard !message.hasReservation || message.reservations.count == 1 else {
        throw message.invalid("'Resource.reservation' must not be set together with 'Resource.reservations'")
      }
      var stack: [Reservation] = []
      for info in message.reservations { stack.append(try Reservation(wire: info, of: message)) }
      return stack
    }
    if message.hasReservation {
      guard message.role != Role.star else {
        throw message.invalid("Invalid reservation: role \"*\" cannot be dynamically reserved")
      }
      let info = message.reservation
      return [
        Reservation(
          .dynamic, role: message.role, principal: info.hasPrincipal ? info.principal : nil,
          labels: info.labels.labels.map(Label.init(wire:)))
      ]
    }
    return message.role == Role.star ? [] : [Reservation(.static, role: message.role)]
  }
}

extension MesosResource {
  public init(_ resource: Resource, _ format: ReservationFormat) {
    self.init()
    name = resource.name
    set(resource.value)
    if let role = resource.allocationRole { allocationInfo.role = role }
    set(resource.reservations, format)
    if let disk = resource.disk { self.disk = DiskInfo(disk) }
    if resource.isRevocable { revocable = RevocableInfo() }
    if resource.isShared { shared = SharedInfo() }
    if let id = resource.providerID { providerID.value = id }
  }

  private mutating func set(_ reservations: [Reservation], _ format: ReservationFormat) {
    if format != .single || reservations.count > 1 {
      self.reservations = reservations.map(ReservationInfo.init)
    }
    guard format != .stack, reservations.count <= 1 else { return }
    role = reservations.first?.role ?? Role.star
    if let only = reservations.first, only.kind == .dynamic {
      reservation = ReservationInfo()
      if let principal = only.principal { reservation.principal = principal }
      if !only.labels.isEmpty { reservation.labels.labels = only.labels.map(MesosLabel.init) }
    }
  }

  /// The error of a message that cannot become a resource.
  func invalid(_ reason: String) -> ResourceError {
    ResourceError("Resource '\(name)' is invalid: \(reason)")
  }
}

extension Reservation {
  fileprivate init(wire info: MesosResource.ReservationInfo, of message: MesosResource) throws(ResourceError) {
    guard info.hasRole else { throw message.invalid("Invalid reservation: role is missing") }
    switch info.hasType ? info.type : .unknown {
    case .static: self.init(.static, role: info.role)
    case .dynamic: self.init(.dynamic, role: info.role)
    case .unknown: throw message.invalid("Invalid reservation: type must be STATIC or DYNAMIC")
    }
    if info.hasPrincipal { principal = info.principal }
    labels = info.labels.labels.map(Label.init(wire:))
  }
}

extension MesosResource.ReservationInfo {
  fileprivate init(_ reservation: Reservation) {
    self.init()
    type = reservation.kind == .static ? .static : .dynamic
    role = reservation.role
    if let principal = reservation.principal { self.principal = principal }
    if !reservation.labels.isEmpty { labels.labels = reservation.labels.map(MesosLabel.init) }
  }
}

extension Label {
  init(wire label: MesosLabel) {
    self.init(key: label.key, value: label.hasValue ? label.value : nil)
  }
}

extension MesosLabel {
  init(_ label: Label) {
    self.init()
    key = label.key
    if let value = label.value { self.value = value }
  }
}
