import Resources

extension AllocationLedger {
  /// Notes that a framework holds `resources` on an agent; each must say the role that it is allocated to.
  ///
  /// For what the ledger did not grant itself: tasks of an agent that came back.
  public func allocate(_ resources: Resources, agent: UInt32, framework: UInt32) {
    charge(resources, to: framework) {
      claimantAllocated.add($1, to: $0)
    } role: {
      roles.addAllocated($1, in: $0)
    }
    guard agentExists(agent) else { return }
    agents[Int(agent)]?.allocated += resources.unallocated()
    refreshFree(agent)
  }

  /// Takes back `resources` that a framework held on an agent: an offer that ended, a task that ended.
  ///
  /// What says no role was never held, so it is not taken back.
  public func recover(_ resources: Resources, agent: UInt32, framework: UInt32) {
    let resources = resources.filter { $0.allocationRole != nil }
    if resources.isEmpty { return }
    charge(resources, to: framework) {
      claimantAllocated.subtract($1, from: $0)
    } role: {
      roles.subtractAllocated($1, in: $0)
    }
    guard agentExists(agent) else { return }
    agents[Int(agent)]?.allocated -= resources.unallocated()
    refreshFree(agent)
  }

  /// Keeps an agent's resources from a framework, in the role they are allocated to, until `until`, as long as no more
  /// than `resources` would be offered (protocol facts 47 and 48).
  public func refuse(_ resources: Resources, agent: UInt32, framework: UInt32, until: Int64) {
    guard agentExists(agent), frameworkExists(framework) else { return }
    for role in resources.allocationRoles {
      guard let role, let claimant = claimant(of: framework, in: role) else { continue }
      let part = resources.filter { $0.allocationRole == role }
      withAmounts(of: part) { amounts in
        filters.add(
          claimant: claimant, agent: agent, amounts: amounts, rest: part.contains { !$0.isScalar }, until: until)
      }
      judge(claimant, agent)
    }
  }

  private func charge(
    _ resources: Resources, to framework: UInt32, claimant: (UInt32, UnsafePointer<Int64>) -> Void,
    role: (UInt32, UnsafePointer<Int64>) -> Void
  ) {
    guard frameworkExists(framework) else { return }
    for name in resources.allocationRoles {
      guard let name else { continue }
      let id = holder(of: framework, in: name)
      withAmounts(of: resources.filter { $0.allocationRole == name }) { amounts in
        claimant(id, amounts)
        role(claimantRole[id], amounts)
      }
    }
  }

  // MARK: Blocked agents

  /// Sets the bit that tells policies whether an agent may be granted to a claimant.
  func judge(_ claimant: UInt32, _ agent: UInt32) {
    guard let book = claimants[Int(claimant)], let agentBook = agents[Int(agent)] else { return }
    let traits = frameworks[Int(book.framework)]?.traits ?? FrameworkTraits()
    let keepsGPUs = options.reservesGPUAgents && gpuAgents.contains(agent) && !traits.takesGPUs
    let isHidden = keepsGPUs || isFiltered(claimant, agent, agentBook, role: book.role, traits: traits)
    blocked.set(agent, claimant: claimant, blocked: isHidden)
  }

  /// Judges the agents with GPUs, which a claimant's traits decide about.
  func judgeGPUAgents(for claimant: UInt32) {
    for agent in gpuAgents { judge(claimant, agent) }
  }

  /// Judges anew the filters on agents whose free resources have changed.
  func judgeChanged() {
    for agent in unjudged.list where agents[Int(agent)] != nil {
      for claimant in filters.claimants(filteringOn: agent) { judge(claimant, agent) }
    }
    unjudged.removeAll()
  }

  private func isFiltered(
    _ claimant: UInt32, _ agent: UInt32, _ book: AgentBook, role: String, traits: FrameworkTraits
  ) -> Bool {
    guard filters.hasAny(claimant: claimant, agent: agent) else { return false }
    if !book.hasExtras {
      return filters.hides(claimant: claimant, agent: agent, amounts: agentFree.row(agent), rest: false)
    }
    let offerable = book.free.filter { $0.isUsable(by: role) && traits.take($0) }
    return withAmounts(of: offerable) { amounts in
      filters.hides(claimant: claimant, agent: agent, amounts: amounts, rest: offerable.contains { !$0.isScalar })
    }
  }
}

extension Resource {
  var isScalar: Bool {
    if case .scalar = value { true } else { false }
  }
}
