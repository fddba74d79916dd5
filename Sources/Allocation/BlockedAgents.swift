/// Per claimant the set of agents that it must not be granted, as the view shows it: NULL, or one bit per agent.
final class BlockedAgents {
  private let sets = Column<UnsafePointer<UInt64>?>(initial: nil)
  private let blockedCounts = Column<Int>(initial: 0)
  private var words = 1

  deinit {
    for claimant in 0..<sets.count { sets[claimant]?.deallocate() }
  }

  var pointer: UnsafePointer<UnsafePointer<UInt64>?> { sets.pointer }

  func growClaimants(to count: Int) {
    sets.grow(to: count)
    blockedCounts.grow(to: count)
  }

  func growAgents(to count: Int) {
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
    if blockedCounts[claimant] == 0 { removeAll(claimant: claimant) }
  }

  func removeAll(claimant: UInt32) {
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
