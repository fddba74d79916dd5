import CTepui
import Resources

extension AllocationLedger {
  /// A grant of the running cycle, as the policy asked for it: checked, booked and kept, or refused.
  func grant(agent: UInt32, claimant: UInt32, amounts: UnsafePointer<Int64>?) -> tepui_status {
    guard open != nil else { return TEPUI_INVALID }
    if let reason = objection(agent: agent, claimant: claimant, amounts: amounts) {
      return complain(reason, agent: agent, claimant: claimant, amounts: amounts)
    }
    guard let agentBook = agents[Int(agent)], let book = claimants[Int(claimant)] else { return TEPUI_INVALID }
    if open?.isForGuarantees ?? false, !isBelowGuarantee(claimant) {
      open?.result.refusedCount += 1
      return TEPUI_REFUSED
    }
    let allowed = chopped(amounts, agent: agent, claimant: claimant)
    let isWhole = allowed == nil && agentBook.form != .particular
    let resources =
      isWhole ? agentBook.free : part(of: agentBook, amounts: allowed, agent: agent, claimant: claimant, book)
    let isWorthIt =
      isWhole && ownMinimums.isEmpty ? offerable.contains(agent) : isOffer(resources, to: claimant)
    guard isWorthIt, !isHidden(resources, agent: agent, claimant: claimant) else {
      open?.result.refusedCount += 1
      return TEPUI_REFUSED
    }
    take(resources, agent: agent, agentBook, claimant: claimant, isWhole: isWhole)
    keep(resources.allocated(to: book.role), agent: agent, claimant: claimant, book: book, isLast: isWhole)
    return TEPUI_OK
  }

  private func isHidden(_ resources: Resources, agent: UInt32, claimant: UInt32) -> Bool {
    guard filters.hasAny(claimant: claimant, agent: agent) else { return false }
    return withAmounts(of: resources.filter(\.isPlainAmount)) { amounts in
      filters.hides(
        claimant: claimant, agent: agent, amounts: amounts, rest: resources.filter { !$0.isPlainAmount })
    }
  }

  /// The amounts that quotas leave of a grant; nil stands for all that is free, as in what was asked.
  private func chopped(
    _ amounts: UnsafePointer<Int64>?, agent: UInt32, claimant: UInt32
  ) -> UnsafePointer<Int64>? {
    guard roles.quotaCount > 0 else { return amounts }
    let asked = amounts ?? UnsafePointer(agentFree.row(agent))
    var isChopped = false
    for kind in 0..<kindNames.count {
      let amount = asked[kind] == 0 ? 0 : min(asked[kind], quotaRoom(claimant, kind))
      choppedRow[kind] = amount
      if amount < asked[kind] { isChopped = true }
    }
    return isChopped ? choppedRow.pointer : amounts
  }

  /// Why a grant can never be; nil when it can.
  private func objection(agent: UInt32, claimant: UInt32, amounts: UnsafePointer<Int64>?) -> String? {
    guard offered.contains(agent) else {
      return agentExists(agent) ? "the agent is not among the candidates" : "no such agent"
    }
    guard isActive(claimant) else {
      let exists = claimant < claimants.count && claimants[Int(claimant)] != nil
      return exists ? "the claimant does not want offers" : "no such claimant"
    }
    guard !blocked.contains(agent, claimant: claimant) else { return "the agent is blocked for the claimant" }
    guard let amounts else { return nil }
    let free = agentFree.row(agent)
    for kind in 0..<kindNames.count {
      if amounts[kind] < 0 { return "negative amount of \(kindNames[kind])" }
      if amounts[kind] > free[kind] { return "more \(kindNames[kind]) than is free" }
    }
    return nil
  }

  /// What of an agent's free resources goes with a grant: the plain amounts asked for, and whatever else the claimant
  /// may have there: ports and the like, and reservations that its role may use.
  private func part(
    of agentBook: AgentBook, amounts: UnsafePointer<Int64>?, agent: UInt32, claimant: UInt32, _ book: ClaimantBook
  ) -> Resources {
    let traits = frameworks[Int(book.framework)]?.traits ?? FrameworkTraits()
    // A second grant in a cycle adds to the same offer, which needs no second copy of a shared volume.
    let isSecond = agentBook.hasExtras && open?.grantIndex[pair(agent, claimant)] != nil
    return Resources(
      agentBook.free.compactMap { resource -> Resource? in
        guard resource.isPlainAmount else {
          return resource.isUsable(by: book.role) && traits.take(resource) && !(isSecond && resource.isShared)
            ? resource : nil
        }
        guard let amounts else { return resource }
        guard let kind = kind(of: resource.name), amounts[kind] > 0 else { return nil }
        var taken = resource
        taken.value = .scalar(Quantity(thousandths: amounts[kind]))
        return taken
      })
  }

  /// Books a grant. The live columns show it at once; the agent counts as changed only for filters, since the policy
  /// has seen the change.
  private func take(
    _ resources: Resources, agent: UInt32, _ book: AgentBook, claimant: UInt32, isWhole: Bool
  ) {
    if isWhole {
      let plain = agentFree.row(agent)
      spendHeadroom(plain, claimant: claimant)
      charge(plain, claimant)
    } else {
      if open?.headroom != nil {
        withAmounts(of: resources.filter(\.isPlainAmount)) { spendHeadroom($0, claimant: claimant) }
      }
      let shared = resources.shared
      withAmounts(of: shared.isEmpty ? resources : resources.filter { !$0.isShared }) { charge($0, claimant) }
      chargeShared(shared, on: agent, to: claimant)
    }
    book.allocated += resources
    setFree(isWhole ? Resources() : book.free.available(besides: resources), of: agent, book)
    refreshExtraRole(agent)
    unjudged.insert(agent)
    changedSinceAll = true
  }

  func charge(_ amounts: UnsafePointer<Int64>, _ claimant: UInt32) {
    claimantAllocated.add(amounts, to: claimant)
    roles.addAllocated(amounts, in: claimantRole[claimant])
  }

  /// - Parameter isLast: whether nothing of the agent is left, so that no grant of the cycle can add to this one.
  private func keep(
    _ resources: Resources, agent: UInt32, claimant: UInt32, book: ClaimantBook, isLast: Bool
  ) {
    book.lastGrantNs = open?.now
    book.grantCount += 1
    guard let index = open?.result.grants.count, let isFirstPart = open?.grantIndex.isEmpty else { return }
    if !isFirstPart || !isLast {
      if let index = open?.grantIndex[pair(agent, claimant)] {
        open?.result.grants[index].add(resources)
        return
      }
      open?.grantIndex[pair(agent, claimant)] = index
    }
    open?.result.grants.append(
      Grant(agent: agent, framework: book.framework, claimant: claimant, role: book.role, resources: resources))
  }

  private func pair(_ agent: UInt32, _ claimant: UInt32) -> UInt64 { UInt64(claimant) << 32 | UInt64(agent) }

  private func complain(
    _ reason: String, agent: UInt32, claimant: UInt32, amounts: UnsafePointer<Int64>?
  ) -> tepui_status {
    open?.result.invalidCount += 1
    guard let cycle = open, cycle.result.complaints.count < AllocationCycle.mostComplaints else { return TEPUI_INVALID }
    let agentName = agentNames.string(agent)
    var who = "claimant \(claimant)"
    if claimant < claimants.count, let book = claimants[Int(claimant)] {
      who = "framework \(frameworkNames.string(book.framework)) in role \(book.role)"
    }
    let asked = amounts.map(text(of:)) ?? "everything"
    let free = agentExists(agent) ? text(of: agentFree.row(agent)) : "nothing"
    open?.result.complaints.append(
      "\(cycle.policyID) granted agent \(agentName) to \(who): \(reason) (asked \(asked); free \(free))")
    return TEPUI_INVALID
  }

  /// `cpus 4, mem 1024`
  private func text(of row: UnsafePointer<Int64>) -> String {
    let parts = kindNames.indices.filter { row[$0] != 0 }.map { "\(kindNames[$0]) \(Quantity(thousandths: row[$0]))" }
    return parts.isEmpty ? "nothing" : parts.joined(separator: ", ")
  }
}
