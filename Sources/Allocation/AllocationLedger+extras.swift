import Resources

extension AllocationLedger {
  /// Who may have what is free on an agent beyond plain amounts, as the view tells it: nobody (`noID`), or the lowest role
  /// above all that may.
  func refreshExtraRole(_ agent: UInt32) {
    agentExtraRole.grow(to: agents.count)
    agentExtraRole[agent] = noID
    guard let book = agents[Int(agent)], book.hasExtras else { return }
    if book.form == .open {
      agentExtraRole[agent] = RoleTree.root
      return
    }
    var common: UInt32?
    func admit(_ role: UInt32) { common = common.map { roles.lowest(above: $0, and: role) } ?? role }
    for role in book.reservedRoles where roles.isPopulated(role) { admit(role) }
    if book.freeRest.elements.count > book.reservedFree.elements.count {
      // Also those that do not count in the roles: unreserved, revocable, or shared and held by somebody.
      for resource in book.freeRest where resource.reservations.isEmpty || resource.isRevocable || resource.isShared {
        if let role = resource.reservationRole.map(roles.populatedID(of:)) ?? RoleTree.root { admit(role) }
      }
    }
    agentExtraRole[agent] = common ?? noID
  }

  /// Whether somebody might be granted something of an agent with something to offer: what is reserved for roles that
  /// nobody is in may lie there for long.
  func isForSomebody(_ agent: UInt32) -> Bool {
    guard blocked.count(agent) < active.count else { return false }
    guard agents[Int(agent)]?.form == .particular, !isOffer(agentFree.row(agent)) else { return true }
    refreshExtraRole(agent)
    return agentExtraRole[agent] != noID
  }
}
