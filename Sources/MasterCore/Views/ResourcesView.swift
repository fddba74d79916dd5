import Resources

enum ResourcesView {
  /// Names with amounts: `{"cpus": 4.0, "mem": 64.0, "disk": 0.0, "gpus": 0.0, "ports": "[31000-32000]"}`
  /// (protocol fact 144).
  static func summary(_ resources: Resources) -> ViewValue {
    var members: [String: ViewValue] = ["cpus": 0.0, "mem": 0.0, "disk": 0.0, "gpus": 0.0]
    var ranges: [String: Ranges] = [:]
    var sets: [String: Set<String>] = [:]
    for resource in resources {
      let name = resource.isRevocable ? "\(resource.name)_revocable" : resource.name
      switch resource.value {
      case .scalar(let quantity):
        if case .number(let units) = members[name] {
          members[name] = .number((Quantity(units) + quantity).units)
        } else {
          members[name] = .number(quantity.units)
        }
      case .ranges(let own): ranges[name] = (ranges[name] ?? Ranges()) + own
      case .set(let own): sets[name, default: []].formUnion(own)
      }
    }
    for (name, all) in ranges { members[name] = .text(all.description) }
    for (name, all) in sets { members[name] = .text(Value.set(all).description) }
    return .object(members)
  }

  /// `{role: summary}` for each role that something is reserved for.
  static func reserved(_ resources: Resources) -> ViewValue {
    .object(byRole(resources).mapValues(summary))
  }

  static func reservedFull(_ resources: Resources) -> ViewValue {
    .object(byRole(resources).mapValues(full))
  }

  /// In the format of endpoints (protocol fact 141).
  static func full(_ resources: Resources) -> ViewValue { .list(resources.map(full)) }

  private static func byRole(_ resources: Resources) -> [String: Resources] {
    var roles: [String: Resources] = [:]
    for resource in resources {
      if let role = resource.reservationRole { roles[role, default: Resources()] += Resources(resource) }
    }
    return roles
  }

  private static func full(_ resource: Resource) -> ViewValue {
    let only = resource.reservations.count == 1 ? resource.reservations.first : nil
    var view: ViewValue = [
      "name": .text(resource.name),
      "role": resource.reservations.count > 1 ? .absent : .text(only?.role ?? Role.star),
      "reservation": only?.kind == .dynamic ? full(only, includesRole: false) : .absent,
      "reservations": resource.reservations.isEmpty
        ? .absent : .list(resource.reservations.map { full($0, includesRole: true) }),
      "allocation_info": resource.allocationRole.map { ["role": .text($0)] } ?? .absent,
      "revocable": resource.isRevocable ? [:] : .absent, "shared": resource.isShared ? [:] : .absent,
      "disk": resource.disk.map(full) ?? .absent,
    ]
    switch resource.value {
    case .scalar(let quantity):
      view = view.adding(["type": "SCALAR", "scalar": ["value": .number(quantity.units)]])
    case .ranges(let ranges):
      let intervals = ranges.intervals.map { interval -> ViewValue in
        ["begin": .integer(Int(clamping: interval.lowerBound)), "end": .integer(Int(clamping: interval.upperBound))]
      }
      view = view.adding(["type": "RANGES", "ranges": ["range": .list(intervals)]])
    case .set(let items):
      view = view.adding(["type": "SET", "set": ["item": .list(items.sorted().map { .text($0) })]])
    }
    return view
  }

  private static func full(_ reservation: Reservation?, includesRole: Bool) -> ViewValue {
    guard let reservation else { return .absent }
    return [
      "type": includesRole ? .text(reservation.kind == .static ? "STATIC" : "DYNAMIC") : .absent,
      "role": includesRole ? .text(reservation.role) : .absent, "principal": .of(reservation.principal),
      "labels": full(reservation.labels),
    ]
  }
}
