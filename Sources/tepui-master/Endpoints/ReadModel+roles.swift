import MasterCore
import Resources

extension ReadModel {
  /// /roles: what each role in use has.
  func roles() -> [UInt8] {
    struct Answer: Encodable { let roles: [RoleView] }
    var roles: [String: RoleView] = [:]
    for framework in snapshot.frameworks {
      for role in framework.roles {
        roles[role, default: RoleView(name: role)].frameworks.append(framework.info.id.value)
      }
      for task in framework.tasks where !task.state.isTerminal { allocate(task.resources, in: &roles) }
      for executor in framework.executors { allocate(executor.resources, in: &roles) }
      for offer in framework.offers {
        roles[offer.role, default: RoleView(name: offer.role)].offered += offer.resources.unallocated()
      }
    }
    for resource in snapshot.agents.flatMap(\.total.reserved.elements) {
      guard let role = resource.reservationRole else { continue }
      roles[role, default: RoleView(name: role)].reserved += Resources(resource)
    }
    return encode(Answer(roles: roles.values.sorted { $0.name < $1.name }))
  }

  private func allocate(_ resources: Resources, in roles: inout [String: RoleView]) {
    let role = resources.allocationRoles.compactMap { $0 }.first ?? Role.star
    roles[role, default: RoleView(name: role)].allocated += resources.unallocated()
  }
}

private struct RoleView: Encodable {
  private enum CodingKeys: String, CodingKey {
    case name, weight, resources, allocated, offered, reserved, frameworks
  }

  let name: String
  var allocated = Resources()
  var offered = Resources()
  var reserved = Resources()
  var frameworks: [String] = []

  init(name: String) {
    self.name = name
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(1.0, forKey: .weight)
    try container.encode(scalars(allocated + offered), forKey: .resources)
    try container.encode(scalars(allocated), forKey: .allocated)
    try container.encode(scalars(offered), forKey: .offered)
    try container.encode(scalars(reserved), forKey: .reserved)
    try container.encode(frameworks, forKey: .frameworks)
  }

  private func scalars(_ resources: Resources) -> [String: Double] {
    Dictionary(resources.scalarTotals.map { ($0.name, $0.total.units) }) { $0 + $1 }
  }
}
