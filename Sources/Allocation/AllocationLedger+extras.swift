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
    for resource in book.free where !resource.isPlainAmount {
      guard let role = resource.reservationRole.map(roles.populatedID(of:)) ?? RoleTree.root else { continue }
      common = common.map { roles.lowest(above: $0, and: role) } ?? role
    }
    agentExtraRole[agent] = common ?? noID
  }
}
