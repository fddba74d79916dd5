import Resources

extension AllocationLedger {
  /// Adds an agent whose resources are all free. `name` is what policies and log lines call it.
  public func addAgent(_ name: String, total: Resources, traits: AgentTraits = AgentTraits()) -> UInt32 {
    let id = agentIDs.take()
    let count = Int(agentIDs.count)
    while agents.count < count { agents.append(nil) }
    agentTotal.growRows(to: count)
    agentFree.growRows(to: count)
    blocked.growAgents(to: count)
    excluded.growAgents(to: count)
    agentNames.set(name, for: id)
    agents[Int(id)] = AgentBook(name: name, traits: traits)
    setTotal(total, of: id)
    judgeConstraints(on: id)
    return id
  }

  /// Changes what frameworks choose the agent by. Filters on it end with other attributes, for they may have been made for
  /// the old ones.
  public func setTraits(_ traits: AgentTraits, of agent: UInt32) {
    guard agentExists(agent), let book = agents[Int(agent)], book.traits != traits else { return }
    let hasOtherAttributes = book.traits.attributes != traits.attributes
    book.traits = traits
    if hasOtherAttributes { for claimant in filters.removeAll(agent: agent) { judge(claimant, agent) } }
    judgeConstraints(on: agent)
    mark(agent)
  }

  /// Changes what an agent has. Filters on it end (protocol fact 48), but not when an operation converted resources.
  public func setTotal(_ total: Resources, of agent: UInt32, keepingFilters: Bool = false) {
    guard agentExists(agent) else { return }
    addKinds(of: total)
    clusterTotal.subtract(agentTotal.row(agent), from: 0)
    fill(agentTotal.row(agent), with: total)
    clusterTotal.add(agentTotal.row(agent), to: 0)
    if let book = agents[Int(agent)] {
      book.total = total.unallocated()
      book.totalForm = form(of: book.total)
      book.totalRest = book.totalForm == .plain ? Resources() : book.total.filter { !$0.isPlainAmount }
    }
    refreshFree(agent)
    if !keepingFilters { for claimant in filters.removeAll(agent: agent) { judge(claimant, agent) } }
    let hasGPUs = total.total(of: "gpus") > .zero
    guard hasGPUs != gpuAgents.contains(agent) else { return }
    if hasGPUs { gpuAgents.insert(agent) } else { gpuAgents.remove(agent) }
    for claimant in 0..<claimantIDs.count where keepsGPUs(from: claimant) { judge(claimant, agent) }
  }

  /// Whether an agent is in another region than the master: then it is only for frameworks that ask for such.
  public func setRemote(_ isRemote: Bool, agent: UInt32) {
    guard agentExists(agent), isRemote != remoteAgents.contains(agent) else { return }
    if isRemote { remoteAgents.insert(agent) } else { remoteAgents.remove(agent) }
    for claimant in 0..<claimantIDs.count where keepsRemote(from: claimant) { judge(claimant, agent) }
    mark(agent)
  }

  /// An inactive agent (disconnected, deactivated) keeps its books but is not granted.
  public func setActive(_ isActive: Bool, agent: UInt32) {
    guard agentExists(agent), let book = agents[Int(agent)] else { return }
    if book.isActive != isActive {
      if isActive {
        freeTotal.add(agentFree.row(agent), to: 0)
      } else {
        freeTotal.subtract(agentFree.row(agent), from: 0)
      }
    }
    book.isActive = isActive
    refreshOfferable(agent, book)
    mark(agent)
  }

  /// Forgets an agent and what is held on it.
  ///
  /// What frameworks hold there must have been recovered before; the ledger can't know whose it is.
  public func removeAgent(_ agent: UInt32) {
    guard agentExists(agent) else { return }
    for claimant in filters.removeAll(agent: agent) { blocked.set(agent, claimant: claimant, blocked: false) }
    let hadGPUs = gpuAgents.remove(agent)
    if remoteAgents.remove(agent) || hadGPUs {
      for claimant in 0..<claimantIDs.count { blocked.set(agent, claimant: claimant, blocked: false) }
    }
    for claimant in constrained {
      excluded.set(agent, claimant: claimant, blocked: false)
      blocked.set(agent, claimant: claimant, blocked: false)
    }
    if let book = agents[Int(agent)] { setFree(Resources(), of: agent, book) }
    offerable.remove(agent)
    clusterTotal.subtract(agentTotal.row(agent), from: 0)
    agentTotal.clear(agent)
    agentFree.clear(agent)
    agents[Int(agent)] = nil
    shared.forget(agent: agent)
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
    guard let book = agents[Int(agent)] else { return }
    setFree(book.allocated.isEmpty ? book.total : book.total.available(besides: book.allocated), of: agent, book)
    mark(agent)
  }

  /// Notes what is free on an agent wherever it is counted.
  func setFree(_ free: Resources, of agent: UInt32, _ book: AgentBook) {
    let row = agentFree.row(agent)
    if book.isActive { freeTotal.subtract(row, from: 0) }
    if book.form == .particular { particularCount -= 1 }
    book.free = free
    if book.allocated.isEmpty, book.totalForm != .particular, !free.isEmpty {
      row.update(from: agentTotal.row(agent), count: kindNames.count)
      (book.form, book.freeRest) = (book.totalForm, book.totalRest)
    } else {
      book.form = form(of: free)
      book.freeRest = book.form == .plain ? Resources() : free.filter { !$0.isPlainAmount }
      fill(row, with: book.form == .plain ? free : free.filter(\.isPlainAmount))
    }
    if book.form == .particular { particularCount += 1 }
    if book.isActive { freeTotal.add(row, to: 0) }
    refreshReserved(agent, book)
    refreshOfferable(agent, book)
  }

  func refreshOfferable(_ agent: UInt32, _ book: AgentBook) {
    let isOfferable = book.isActive && (isOffer(agentFree.row(agent)) || (book.hasExtras && isOffer(book.free)))
    if isOfferable { offerable.insert(agent) } else { offerable.remove(agent) }
  }

  private func form(of resources: Resources) -> FreeForm {
    var form = FreeForm.plain
    for resource in resources where !resource.isPlainAmount {
      guard resource.isForAnybody else { return .particular }
      form = .open
    }
    return form
  }

  /// Counts anew, in the roles, what is reserved on an agent and held by nobody.
  private func refreshReserved(_ agent: UInt32, _ book: AgentBook) {
    guard book.form == .particular || !book.reservedFree.isEmpty else { return }
    // A shared volume is there for others while some hold it, and counts for those.
    let now = book.free.filter { resource in
      !resource.reservations.isEmpty && !resource.isRevocable
        && !(resource.isShared && book.allocated.contains(Resources(resource)))
    }
    guard now != book.reservedFree else { return }
    // The new ones first: a role that stays in use keeps its id.
    let old = zip(book.reservedRoles, book.reservedFree.byReservationRole)
    book.reservedRoles = now.byReservationRole.map { name, part in
      let role = roles.retain(name)
      withAmounts(of: part) { roles.addReservedFree($0, for: role) }
      return role
    }
    for (role, (_, part)) in old {
      withAmounts(of: part) { roles.subtractReservedFree($0, for: role) }
      roles.release(role)
    }
    book.reservedFree = now
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
  var isPlainAmount: Bool { isScalar && isForAnybody }

  var isForAnybody: Bool {
    reservations.isEmpty && !hasDisk && !isRevocable && !isShared && providerID == nil
  }

  var isScalar: Bool {
    if case .scalar = value { true } else { false }
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
