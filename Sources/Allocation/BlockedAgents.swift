/// Per claimant the set of agents that it must not be granted, as the view shows it: NULL, or one bit per agent.
///
/// Counts, per agent, for how many of the claimants that want offers it is blocked: one that is so for all need not be
/// looked at.
final class BlockedAgents {
  private let sets = Column<UnsafePointer<UInt64>?>(initial: nil)
  private let blockedCounts = Column<Int>(initial: 0)
  private let isCounted = Column<Bool>(initial: false)
  private let countsByAgent = Column<UInt32>(initial: 0)
  private var words = 1

  deinit {
    for claimant in 0..<sets.count { sets[claimant]?.deallocate() }
  }

  var pointer: UnsafePointer<UnsafePointer<UInt64>?> { sets.pointer }

  func growClaimants(to count: Int) {
    sets.grow(to: count)
    blockedCounts.grow(to: count)
    isCounted.grow(to: count)
  }

  func growAgents(to count: Int) {
    countsByAgent.grow(to: count)
    guard count > words * 64 else { return }
    let newWords = max((count + 63) / 64, words * 2)
    for claimant in 0..<sets.count {
      guard let old = sets[claimant] else { continue }
      let bigger = UnsafeMutablePointer<UInt64>.allocate(capacity: newWords)
      bigger.initialize(repeating: 0, count: newWords)
      bigger.update(from: old, count: words)
      old.deallocate()
      sets[claimant] = UnsafePointer(bigger)
    }
    words = newWords
  }

  func contains(_ agent: UInt32, claimant: UInt32) -> Bool {
    guard let set = sets[claimant] else { return false }
    return set[Int(agent / 64)] >> UInt64(agent % 64) & 1 == 1
  }

  func set(_ agent: UInt32, claimant: UInt32, blocked: Bool) {
    guard blocked != contains(agent, claimant: claimant) else { return }
    let set = UnsafeMutablePointer(mutating: sets[claimant] ?? makeSet(for: claimant))
    set[Int(agent / 64)] ^= 1 << UInt64(agent % 64)
    blockedCounts[claimant] += blocked ? 1 : -1
    if isCounted[claimant] { countsByAgent[agent] = blocked ? countsByAgent[agent] + 1 : countsByAgent[agent] - 1 }
    if blockedCounts[claimant] == 0 { free(claimant) }
  }

  /// For a claimant that is no more.
  func removeAll(claimant: UInt32) {
    setCounted(false, claimant: claimant)
    free(claimant)
  }

  /// Whether the claimant counts among those that want offers.
  func setCounted(_ counts: Bool, claimant: UInt32) {
    guard isCounted[claimant] != counts else { return }
    isCounted[claimant] = counts
    guard let set = sets[claimant] else { return }
    for word in 0..<words {
      set[word].forEachBit { bit in
        let agent = UInt32(word * 64) + bit
        countsByAgent[agent] = counts ? countsByAgent[agent] + 1 : countsByAgent[agent] - 1
      }
    }
  }

  /// For how many of the counted claimants an agent is blocked.
  func count(_ agent: UInt32) -> Int { Int(countsByAgent[agent]) }

  /// Of `agents` the first that is not blocked for the claimant and for which `isSought` holds.
  func firstOpen(of agents: AgentSet, claimant: UInt32, where isSought: (UInt32) -> Bool) -> UInt32? {
    for word in agents.words.indices {
      var rest = agents.words[word] & ~(sets[claimant]?[word] ?? 0)
      while rest != 0 {
        let agent = UInt32(word * 64 + rest.trailingZeroBitCount)
        if isSought(agent) { return agent }
        rest &= rest - 1
      }
    }
    return nil
  }

  private func free(_ claimant: UInt32) {
    sets[claimant]?.deallocate()
    sets[claimant] = nil
    blockedCounts[claimant] = 0
  }

  private func makeSet(for claimant: UInt32) -> UnsafePointer<UInt64> {
    let set = UnsafeMutablePointer<UInt64>.allocate(capacity: words)
    set.initialize(repeating: 0, count: words)
    sets[claimant] = UnsafePointer(set)
    return UnsafePointer(set)
  }
}
