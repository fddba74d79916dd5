import Resources

/// Who is in which role, and what each role uses and is offered; found in one pass over all tasks.
struct RoleHoldings {
  private(set) var used: [String: Resources] = [:]
  private(set) var offered: [String: Resources] = [:]
  /// Ids of the frameworks that are in a role or hold something in it, in the order of their registration.
  private(set) var members: [String: [String]] = [:]

  init(_ frameworks: [FrameworkSnapshot]) {
    for framework in frameworks {
      var roles = Set(framework.roles)
      for (role, part) in framework.used.byAllocationRole {
        used[role, default: Resources()] += part
        roles.insert(role)
      }
      for (role, part) in framework.offered.byAllocationRole {
        offered[role, default: Resources()] += part
        roles.insert(role)
      }
      for role in roles { members[role, default: []].append(framework.info.id.value) }
    }
  }
}

extension MasterSnapshot {
  /// Roles that somebody is in or that have a quota or a weight.
  func roleNames(_ holdings: RoleHoldings) -> [String] {
    Set(holdings.members.keys).union(quotas.keys).union(weights.keys).sorted()
  }
}
