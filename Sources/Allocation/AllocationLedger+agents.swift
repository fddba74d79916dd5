import Resources

extension AllocationLedger {
  /// Adds an agent whose resources are all free. `name` is what policies and log lines call it.
  public func addAgent(_ name: String, total: Resources) -> UInt32 {
    let id = agentIDs.take()
    let count = Int(agentIDs.count)
    while agents.count < count { agents.append(nil) }
    agentTotal.growRows(to: count)
    agentFree.growRows(to: count)
    blocked.growAgents(to: count)
    agentNames.set(name, for: id)
    agents[Int(id)] = AgentBook(name: name, total: Resources(), free: Resources())
    setTotal(total, of: id)
    return id
  }

  /// Changes what an agent has. Filters on it end (protocol fact 48), but not when an operation converted resources.
  public func setTotal(_ total: Resources, of agent: UInt32, keepingFilters: Bool = false) {
    guard agentExists(agent) else { return }
    addKinds(of: total)
    clusterTotal.subtract(agentTotal.row(agent), from: 0)
    fill(agentTotal.row(agent), with: total)
    clusterTotal.add(agentTotal.row(agent), to: 0)
    agents[Int(agent)]?.total = total.unallocated()
    refreshFree(agent)
    if !keepingFilters { for claimant in filters.removeAll(agent: agent) { judge(claimant, agent) } }
    let hasGPUs = total.total(of: "gpus") > .zero
    guard hasGPUs != gpuAgents.contains(agent) else { return }
    if hasGPUs { gpuAgents.insert(agent) } else { gpuAgents.remove(agent) }
    for claimant in 0..<claimantIDs.count where claimants[Int(claimant)] != nil { judge(claimant, agent) }
  }

  /// An inactive agent (disconnected, deactivated) keeps its books but is not granted.
  public func setActive(_ isActive: Bool, agent: UInt32) {
    guard agentExists(agent) else { return }
    agents[Int(agent)]?.isActive = isActive
    mark(agent)
  }

  /// Forgets an agent and what is held on it.
  ///
  /// What frameworks hold there must have been recovered before; the ledger can't know whose it is.
  public func removeAgent(_ agent: UInt32) {
    guard agentExists(agent) else { return }
    for claimant in filters.removeAll(agent: agent) { blocked.set(agent, claimant: claimant, blocked: false) }
    if gpuAgents.remove(agent) != nil {
      for claimant in 0..<claimantIDs.count { blocked.set(agent, claimant: claimant, blocked: false) }
    }
    agents[Int(agent)]?.free = Resources()
    refreshReserved(agent)
    clusterTotal.subtract(agentTotal.row(agent), from: 0)
    agentTotal.clear(agent)
    agentFree.clear(agent)
    agents[Int(agent)] = nil
    agentNames.remove(agent)
    agentIDs.giveBack(agent)
    changed.insert(agent)
    changedSinceAll = true
  }

  /// What is neither used nor offered, reserved or not.
  public func free(on agent: UInt32) -> Resources {
    agentExists(agent) ? agents[Int(agent)]?.free ?? Resources() : Resources()
  }

  public func allocated(on agent: UInt32) -> Resources {
    agentExists(agent) ? agents[Int(agent)]?.allocated ?? Resources() : Resources()
  }

  func agentExists(_ agent: UInt32) -> Bool {
    agent < agents.count && agents[Int(agent)] != nil
  }

  /// Computes anew what is free on an agent after its total or its allocations have changed.
  func refreshFree(_ agent: UInt32) {
    guard var book = agents[Int(agent)] else { return }
    book.free = book.total.available(besides: book.allocated)
    book.hasExtras = book.free.contains { !$0.isPlainAmount }
    agents[Int(agent)] = book
    let row = agentFree.row(agent)
    fill(row, with: book.hasExtras ? book.free.filter(\.isPlainAmount) : book.free)
    refreshReserved(agent)
    mark(agent)
  }

  /// Counts anew, in the roles, what is reserved on an agent and held by nobody.
  func refreshReserved(_ agent: UInt32) {
    guard let book = agents[Int(agent)], book.hasExtras || !book.reservedFree.isEmpty else { return }
    let now = book.free.filter { !$0.reservations.isEmpty && !$0.isRevocable }
    guard now != book.reservedFree else { return }
    // The new ones first: a role that stays in use keeps its id.
    for (name, part) in now.byReservationRole {
      let role = roles.retain(name)
      withAmounts(of: part) { roles.addReservedFree($0, for: role) }
    }
    for (name, part) in book.reservedFree.byReservationRole {
      guard let role = roles.id(of: name) else { continue }
      withAmounts(of: part) { roles.subtractReservedFree($0, for: role) }
      roles.release(role)
    }
    agents[Int(agent)]?.reservedFree = now
  }

  /// Notes that an agent must be looked at.
  func mark(_ agent: UInt32) {
    candidates.insert(agent)
    changed.insert(agent)
    unjudged.insert(agent)
    changedSinceAll = true
  }
}

extension Resource {
  /// An amount that can be cut at will and that anybody may have.
  var isPlainAmount: Bool {
    guard case .scalar = value else { return false }
    return reservations.isEmpty && disk == nil && !isRevocable && !isShared && providerID == nil
  }
}

extension Resources {
  /// By the role of the effective reservation, in order of first appearance.
  fileprivate var byReservationRole: [(role: String, part: Resources)] {
    var roles: [String] = []
    for resource in self {
      if let role = resource.reservationRole, !roles.contains(role) { roles.append(role) }
    }
    return roles.map { ($0, reserved(for: $0)) }
  }
}
