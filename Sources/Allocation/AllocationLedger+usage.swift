import Resources

extension AllocationLedger {
  /// Notes that a framework holds `resources` on an agent; each must say the role that it is allocated to.
  ///
  /// For what the ledger did not grant itself: tasks of an agent that came back.
  public func allocate(_ resources: Resources, agent: UInt32, framework: UInt32) {
    forEachHolder(of: resources, framework) { claimant, part in
      withAmounts(of: part) { charge($0, claimant) }
    } shared: {
      chargeShared($1, on: agent, to: $0)
    }
    guard agentExists(agent) else { return }
    agents[Int(agent)]?.allocated += resources.unallocated()
    refreshFree(agent)
  }

  /// Takes back `resources` that a framework held on an agent: an offer that ended, a task that ended.
  ///
  /// What says no role was never held, so it is not taken back.
  public func recover(_ resources: Resources, agent: UInt32, framework: UInt32) {
    let isAllHeld = resources.allSatisfy { $0.allocationRole != nil }
    let resources = isAllHeld ? resources : resources.filter { $0.allocationRole != nil }
    if resources.isEmpty { return }
    forEachHolder(of: resources, framework) { claimant, part in
      withAmounts(of: part) { amounts in
        claimantAllocated.subtract(amounts, from: claimant)
        roles.subtractAllocated(amounts, in: claimantRole[claimant])
      }
    } shared: {
      dischargeShared($1, on: agent, from: $0)
    }
    guard agentExists(agent) else { return }
    agents[Int(agent)]?.allocated -= resources.unallocated()
    refreshFree(agent)
  }

  /// Keeps an agent's resources from a framework, in the role they are allocated to, until `until`, as long as no more
  /// than `resources` would be offered (protocol facts 47 and 48).
  public func refuse(_ resources: Resources, agent: UInt32, framework: UInt32, until: Int64) {
    guard agentExists(agent), frameworkExists(framework) else { return }
    for (role, part) in resources.byAllocationRole {
      guard let claimant = claimant(of: framework, in: role) else { continue }
      refuse(part.unallocated(), agent: agent, claimant: claimant, until: until)
    }
  }

  private func refuse(_ refused: Resources, agent: UInt32, claimant: UInt32, until: Int64) {
    guard let book = agents[Int(agent)] else { return }
    // The first filter on an agent finds nothing judged for another state.
    if !filters.hasAny(on: agent) { book.judgedFree = book.free }
    let rest = refused == book.free ? book.freeRest : refused.filter { !$0.isPlainAmount }
    withAmounts(of: rest.isEmpty ? refused : refused.filter(\.isPlainAmount)) { amounts in
      filters.add(claimant: claimant, agent: agent, amounts: amounts, rest: rest, until: until)
    }
    judge(claimant, agent)
  }

  private func forEachHolder(
    of resources: Resources, _ framework: UInt32, _ own: (UInt32, Resources) -> Void,
    shared: (UInt32, Resources) -> Void
  ) {
    guard frameworkExists(framework) else { return }
    for (name, part) in resources.byAllocationRole {
      let claimant = holder(of: framework, in: name)
      if part.contains(where: \.isShared) {
        own(claimant, part.filter { !$0.isShared })
        shared(claimant, part.shared)
      } else {
        own(claimant, part)
      }
    }
  }

  // MARK: Blocked agents

  /// Sets the bit that tells policies whether an agent may be granted to a claimant.
  func judge(_ claimant: UInt32, _ agent: UInt32) {
    guard let agentBook = agents[Int(agent)], claimants[Int(claimant)] != nil else { return }
    let isHidden = exclusion(claimant, agent) != nil || isFiltered(claimant, agent, agentBook)
    blocked.set(agent, claimant: claimant, blocked: isHidden)
  }

  /// Why an agent, being what and where it is, is not for a claimant, being what that is and wants; nil when it is.
  func exclusion(_ claimant: UInt32, _ agent: UInt32) -> Explanation.Reason? {
    if gpuAgents.contains(agent), keepsGPUs(from: claimant) { return .gpusKept }
    if remoteAgents.contains(agent), keepsRemote(from: claimant) { return .regionKept }
    return excluded.contains(agent, claimant: claimant) ? .constraints : nil
  }

  /// Whether agents with GPUs are not for a claimant.
  func keepsGPUs(from claimant: UInt32) -> Bool {
    guard options.reservesGPUAgents, let book = claimants[Int(claimant)] else { return false }
    return !(frameworks[Int(book.framework)]?.traits.takesGPUs ?? false)
  }

  /// Whether agents of other regions are not for a claimant.
  func keepsRemote(from claimant: UInt32) -> Bool {
    guard let book = claimants[Int(claimant)] else { return false }
    return !(frameworks[Int(book.framework)]?.traits.takesRemote ?? false)
  }

  /// Judges the agents that a claimant's traits decide about: those with GPUs, those of other regions, and those of which
  /// it refused something.
  func judgeTraits(of claimant: UInt32) {
    for agent in gpuAgents.members { judge(claimant, agent) }
    for agent in remoteAgents.members { judge(claimant, agent) }
    for agent in filters.agents(filteredFor: claimant) { judge(claimant, agent) }
  }

  /// Judges the filters on agents whose free resources have changed, where that is needed: not on an agent that has
  /// nothing to offer, and not if the same is free as when they were judged last, as after an offer that was declined.
  func judgeChanged() {
    for agent in unjudged.list where filters.hasAny(on: agent) {
      guard let book = agents[Int(agent)], !book.free.isEmpty else { continue }
      if let judged = book.judgedFree, judged == book.free { continue }
      for claimant in filters.claimants(filteringOn: agent) { judge(claimant, agent) }
      book.judgedFree = book.free
    }
    unjudged.removeAll()
  }

  private func isFiltered(_ claimant: UInt32, _ agent: UInt32, _ book: AgentBook) -> Bool {
    guard filters.hasAny(claimant: claimant, agent: agent) else { return false }
    // A judgement for another state than the others have been made for: all must be made anew for a common one.
    if book.judgedFree != book.free { book.judgedFree = nil }
    return filters.hides(
      claimant: claimant, agent: agent, amounts: agentFree.row(agent), rest: rest(of: book, for: claimant))
  }

  /// What a claimant may have on an agent besides plain amounts.
  private func rest(of book: AgentBook, for claimant: UInt32) -> Resources {
    guard book.form == .particular, let claimant = claimants[Int(claimant)] else { return book.freeRest }
    let traits = frameworks[Int(claimant.framework)]?.traits ?? FrameworkTraits()
    return book.freeRest.filter { $0.isUsable(by: claimant.role) && traits.take($0) }
  }
}
