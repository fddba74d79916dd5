import MasterCore
import Resources
import Wire

/// An agent as /slaves and /state show it (protocol fact 146).
struct AgentView: Encodable {
  private enum CodingKeys: String, CodingKey {
    case id, hostname, port, attributes, pid, active, deactivated, version, capabilities, resources
    case registeredTime = "registered_time"
    case reregisteredTime = "reregistered_time"
    case usedResources = "used_resources"
    case offeredResources = "offered_resources"
    case reservedResources = "reserved_resources"
    case unreservedResources = "unreserved_resources"
    case reservedFull = "reserved_resources_full"
    case unreservedFull = "unreserved_resources_full"
    case usedFull = "used_resources_full"
    case offeredFull = "offered_resources_full"
  }

  private let agent: AgentSnapshot
  /// Whether the resources are also told as messages.
  private let isFull: Bool

  init(_ agent: AgentSnapshot, isFull: Bool = false) {
    self.agent = agent
    self.isFull = isFull
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(agent.id, forKey: .id)
    try container.encode(agent.info.hostname, forKey: .hostname)
    try container.encode(agent.info.port, forKey: .port)
    try container.encode(AttributesView(agent.info.attributes), forKey: .attributes)
    try container.encode("slave(1)@\(agent.address)", forKey: .pid)
    try container.encode(agent.registeredTime, forKey: .registeredTime)
    try container.encodeIfPresent(agent.reregisteredTime, forKey: .reregisteredTime)
    try container.encode(agent.isActive, forKey: .active)
    try container.encode(false, forKey: .deactivated)
    try container.encode(agent.version, forKey: .version)
    try container.encode(["MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT"], forKey: .capabilities)

    let total = agent.total
    let used = agent.used
    try container.encode(AmountsView(total), forKey: .resources)
    try container.encode(AmountsView(used), forKey: .usedResources)
    try container.encode(AmountsView(agent.offered), forKey: .offeredResources)
    try container.encode(AmountsView(total.unreserved), forKey: .unreservedResources)
    try container.encode(total.byReservation.mapValues(AmountsView.init), forKey: .reservedResources)
    guard isFull else { return }
    try container.encode(total.byReservation.mapValues(\.views), forKey: .reservedFull)
    try container.encode(total.unreserved.views, forKey: .unreservedFull)
    try container.encode(used.views, forKey: .usedFull)
    try container.encode(agent.offered.views, forKey: .offeredFull)
  }
}

extension AgentSnapshot {
  var used: Resources { allocated.unallocated() - offered }
}

extension Resources {
  fileprivate var byReservation: [String: Resources] {
    var byRole: [String: Resources] = [:]
    for role in Set(reserved.elements.compactMap(\.reservationRole)) { byRole[role] = reserved(for: role) }
    return byRole
  }

  /// Protocol fact 141: both forms of reservations.
  fileprivate var views: [MessageView] { wire(.both).map { MessageView($0) } }
}

/// Attributes by name; scalars are numbers, all else is text.
private struct AttributesView: Encodable {
  private let attributes: [MesosAttribute]

  init(_ attributes: [MesosAttribute]) {
    self.attributes = attributes
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: AnyKey.self)
    for attribute in attributes {
      let key = AnyKey(attribute.name)
      switch attribute.type {
      case .scalar: try container.encode(attribute.scalar.value, forKey: key)
      case .text: try container.encode(attribute.text.value, forKey: key)
      case .ranges:
        let ranges = attribute.ranges.range.map { "\($0.begin)-\($0.end)" }
        try container.encode("[\(ranges.joined(separator: ", "))]", forKey: key)
      case .set: try container.encode("{\(attribute.set.item.joined(separator: ", "))}", forKey: key)
      }
    }
  }
}
