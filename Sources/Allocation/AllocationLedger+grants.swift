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
    let traits = frameworks[Int(book.framework)]?.traits ?? FrameworkTraits()
    let allowed = chopped(amounts, agent: agent, claimant: claimant)
    var resources = part(of: agentBook, amounts: allowed, role: book.role, traits: traits)
    // A second grant in a cycle adds to the same offer, which needs no second copy of a shared volume.
    if agentBook.hasExtras, open?.grantIndex[UInt64(claimant) << 32 | UInt64(agent)] != nil {
      resources = resources.filter { !$0.isShared }
    }
    let hasRest = resources.contains { !$0.isScalar }
    let isHidden = withAmounts(of: resources) {
      filters.hides(claimant: claimant, agent: agent, amounts: $0, rest: hasRest)
    }
    guard isOffer(resources), !isHidden else {
      open?.result.refusedCount += 1
      return TEPUI_REFUSED
    }
    take(resources, agent: agent, claimant: claimant)
    keep(resources.allocated(to: book.role), agent: agent, claimant: claimant, book: book)
    return TEPUI_OK
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
    guard agentExists(agent) else { return "no such agent" }
    guard offered.contains(agent) else { return "the agent is not among the candidates" }
    guard claimant < claimants.count, claimants[Int(claimant)] != nil else { return "no such claimant" }
    guard isActive(claimant) else { return "the claimant does not want offers" }
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
    of book: AgentBook, amounts: UnsafePointer<Int64>?, role: String, traits: FrameworkTraits
  ) -> Resources {
    if amounts == nil, !book.hasExtras { return book.free }
    return Resources(
      book.free.compactMap { resource -> Resource? in
        guard resource.isPlainAmount else {
          return resource.isUsable(by: role) && traits.take(resource) ? resource : nil
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
  private func take(_ resources: Resources, agent: UInt32, claimant: UInt32) {
    if open?.headroom != nil {
      withAmounts(of: resources.filter(\.isPlainAmount)) { spendHeadroom($0, claimant: claimant) }
    }
    withAmounts(of: resources) { amounts in
      claimantAllocated.add(amounts, to: claimant)
      roles.addAllocated(amounts, in: claimantRole[claimant])
    }
    guard var book = agents[Int(agent)] else { return }
    book.allocated += resources
    book.free = book.free.available(besides: resources)
    let hadExtras = book.hasExtras
    book.hasExtras = hadExtras && book.free.contains { !$0.isPlainAmount }
    agents[Int(agent)] = book
    if hadExtras { refreshExtraRole(agent) }
    fill(agentFree.row(agent), with: book.hasExtras ? book.free.filter(\.isPlainAmount) : book.free)
    refreshReserved(agent)
    unjudged.insert(agent)
    changedSinceAll = true
  }

  private func keep(_ resources: Resources, agent: UInt32, claimant: UInt32, book: ClaimantBook) {
    claimants[Int(claimant)]?.lastGrantNs = open?.now
    claimants[Int(claimant)]?.grantCount += 1
    let pair = UInt64(claimant) << 32 | UInt64(agent)
    if let index = open?.grantIndex[pair] {
      open?.result.grants[index].add(resources)
      return
    }
    let index = open?.result.grants.count ?? 0
    open?.grantIndex[pair] = index
    open?.result.grants.append(
      Grant(agent: agent, framework: book.framework, claimant: claimant, role: book.role, resources: resources))
  }

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
