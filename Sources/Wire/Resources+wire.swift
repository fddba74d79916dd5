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

  /// Copies of a shared volume are one on the wire.
  public func wire(_ format: ReservationFormat) -> [MesosResource] {
    var shared: Set<Resource> = []
    return compactMap { resource in
      if resource.isShared, !shared.insert(resource).inserted { return nil }
      return MesosResource(resource, format)
    }
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

  /// Both formats, and both at once where they say the same: what the endpoints show can be sent back (protocol facts 140
  /// and 141).
  private static func reservations(of message: MesosResource) throws(ResourceError) -> [Reservation] {
    if message.reservations.isEmpty { return try oldReservations(of: message) }
    var stack: [Reservation] = []
    for info in message.reservations { stack.append(try Reservation(wire: info, of: message)) }
    guard stack.count == 1, let only = stack.first else {
      for (field, isSet) in [("role", message.hasRole), ("reservation", message.hasReservation)] where isSet {
        throw message.invalid(
          "Invalid resource format: 'Resource.\(field)' must not be set if there is more than one reservation in "
            + "'Resource.reservations'")
      }
      return stack
    }
    if message.hasRole, message.role != only.role {
      throw message.invalid(
        "Invalid resource format: 'Resource.role' field with '\(message.role)' does not match the role "
          + "'\(only.role)' in 'Resource.reservations'")
    }
    if message.hasReservation { try compare(message.reservation, with: only, of: message) }
    return stack
  }

  private static func compare(
    _ old: MesosResource.ReservationInfo, with only: Reservation, of message: MesosResource
  ) throws(ResourceError) {
    guard only.kind == .dynamic else {
      throw message.invalid(
        "Invalid resource format: 'Resource.reservation' must not be set if the single reservation in "
          + "'Resource.reservations' is STATIC")
    }
    guard message.hasRole else {
      throw message.invalid(
        "Invalid resource format: 'Resource.role' and 'Resource.reservation' must either be both set or both not set "
          + "if the single reservation in 'Resource.reservations' is DYNAMIC")
    }
    guard old.principal == only.principal ?? "" else {
      throw message.invalid(
        "Invalid resource format: 'Resource.reservation.principal' field with '\(old.principal)' does not match the "
          + "principal '\(only.principal ?? "")' in 'Resource.reservations'")
    }
    guard old.labels.labels.map(Label.init(wire:)) == only.labels else {
      throw message.invalid(
        "Invalid resource format: 'Resource.reservation.labels' field does not match the labels in "
          + "'Resource.reservations'")
    }
  }

  private static func oldReservations(of message: MesosResource) throws(ResourceError) -> [Reservation] {
    guard message.hasReservation else {
      return message.role == Role.star ? [] : [Reservation(.static, role: message.role)]
    }
    let info = message.reservation
    for (field, isSet) in [("type", info.hasType), ("role", info.hasRole)] where isSet {
      throw message.invalid(
        "'Resource.ReservationInfo.\(field)' must not be set for the 'Resource.reservation' field")
    }
    guard message.role != Role.star else {
      throw message.invalid("Invalid reservation: role \"*\" cannot be dynamically reserved")
    }
    return [
      Reservation(
        .dynamic, role: message.role, principal: info.hasPrincipal ? info.principal : nil,
        labels: info.labels.labels.map(Label.init(wire:)))
    ]
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
    let shown = (try? Value(wire: self)).map { Resource(name, $0).description } ?? name
    return ResourceError("Resource '\(shown)' is invalid: \(reason)")
  }
}

extension Reservation {
  fileprivate init(wire info: MesosResource.ReservationInfo, of message: MesosResource) throws(ResourceError) {
    for (field, isSet) in [("type", info.hasType), ("role", info.hasRole)] where !isSet {
      throw message.invalid("Invalid reservation: 'Resource.ReservationInfo.\(field)' field must be set.")
    }
    switch info.type {
    case .static: self.init(.static, role: info.role)
    case .dynamic: self.init(.dynamic, role: info.role)
    case .unknown: throw message.invalid("Unsupported 'Resource.ReservationInfo.Type'")
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
