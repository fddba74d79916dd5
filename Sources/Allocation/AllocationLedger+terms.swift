import Resources

/// What frameworks say of the offers that they want in a role: constraints on agents and least amounts. Both are judged
/// here, so that no policy needs to know of them.
extension AllocationLedger {
  func setTerms(_ terms: RoleTerms, of claimant: UInt32) {
    guard let book = claimants[Int(claimant)] else { return }
    let old = book.terms
    book.terms = terms
    if old.minimumOffer != terms.minimumOffer {
      count(old.minimumOffer, -1)
      count(terms.minimumOffer, 1)
    }
    guard old.constraints != nil || terms.constraints != nil else { return }
    if terms.constraints == nil { constrained.remove(claimant) } else { constrained.insert(claimant) }
    for agent in 0..<agentIDs.count where agents[Int(agent)] != nil { judgeConstraints(claimant, agent) }
  }

  // MARK: Constraints

  /// Judges the constraints of all claimants that have some, on an agent that has changed.
  func judgeConstraints(on agent: UInt32) {
    for claimant in constrained { judgeConstraints(claimant, agent) }
  }

  private func judgeConstraints(_ claimant: UInt32, _ agent: UInt32) {
    guard let book = claimants[Int(claimant)], let traits = agents[Int(agent)]?.traits else { return }
    excluded.set(agent, claimant: claimant, blocked: book.terms.constraints?.exclude(traits) ?? false)
    judge(claimant, agent)
  }

  /// The agents that its constraints exclude from a framework's offers in a role.
  public func excludedAgents(from framework: UInt32, in role: String) -> [UInt32] {
    guard let claimant = claimant(of: framework, in: role), constrained.contains(claimant) else { return [] }
    return (0..<agentIDs.count).filter { excluded.contains($0, claimant: claimant) }
  }

  // MARK: Least amounts

  private func count(_ minimum: MinimumOffer?, _ change: Int) {
    guard let minimum else { return }
    let count = (ownMinimums[minimum] ?? 0) + change
    let isNewsToAgents = (ownMinimums[minimum] == nil) != (count == 0)
    ownMinimums[minimum] = count == 0 ? nil : count
    guard isNewsToAgents else { return }
    refreshMinimumAmounts()
    for agent in 0..<agentIDs.count { agents[Int(agent)].map { refreshOfferable(agent, $0) } }
  }

  /// Finds the kinds that the minimums ask for: that for all, and those of claimants.
  func refreshMinimumAmounts() {
    let minimums = [options.minimumOffer] + ownMinimums.keys
    isAnythingAnOffer = minimums.contains { $0.alternatives.isEmpty }
    minimumAmounts = minimums.flatMap(\.alternatives).compactMap { alternative in
      let amounts = alternative.compactMap { asked in
        kind(of: asked.name).map { (kind: $0, amount: asked.amount.thousandths) }
      }
      // Of a kind that no agent has there is never enough.
      return amounts.count == alternative.count ? amounts : nil
    }
  }

  /// Whether the amounts are worth an offer: by the claimant's own measure, or else by that for all (flag
  /// --min_allocatable_resources).
  func isOffer(_ resources: Resources, to claimant: UInt32) -> Bool {
    (claimants[Int(claimant)]?.terms.minimumOffer ?? options.minimumOffer).isMet(by: resources)
  }

  /// Whether the amounts may be worth an offer to somebody.
  func isOffer(_ resources: Resources) -> Bool {
    options.minimumOffer.isMet(by: resources) || ownMinimums.keys.contains { $0.isMet(by: resources) }
  }

  func isOffer(_ row: UnsafePointer<Int64>) -> Bool {
    isAnythingAnOffer
      ? (0..<kindNames.count).contains { row[$0] > 0 }
      : minimumAmounts.contains { $0.allSatisfy { row[$0.kind] >= $0.amount } }
  }
}
