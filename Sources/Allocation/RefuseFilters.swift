import HeapModule

/// The refuse filters: what a claimant declined on an agent, and until when it is not to be bothered again
/// (protocol facts 47 and 48).
///
/// A filter hides an offer as long as the amounts refused cover the amounts that would be offered. It is found by its
/// claimant and agent, by its agent (whose amounts changed), by its claimant (which revives) and by its end in time;
/// each of the four costs no more than the filters that it concerns.
final class RefuseFilters {
  struct Filter {
    var claimant: UInt32
    var agent: UInt32
    var until: Int64
    /// Whether the refused offer had resources that are not numbers.
    var refusedRest: Bool
    var generation: UInt32
    var inUse: Bool
  }

  private var filters: [Filter] = []
  private var ids = DenseIDs()
  private let refused: QuantityTable
  private var byPair: [UInt64: [UInt32]] = [:]
  private var claimantsOfAgent: [UInt32: Set<UInt32>] = [:]
  private var agentsOfClaimant: [UInt32: Set<UInt32>] = [:]
  private var ends = Heap<End>()

  private struct End: Comparable {
    var until: Int64
    var id: UInt32
    var generation: UInt32

    static func < (left: End, right: End) -> Bool { left.until < right.until }
  }

  init(kinds: Int) {
    refused = QuantityTable(kinds: kinds)
  }

  /// When the next filter may end; a filter that was removed before its time may cause an idle wake-up.
  var nextEnd: Int64? { ends.min?.until }

  func widen(to kinds: Int) { refused.widen(to: kinds) }

  func add(claimant: UInt32, agent: UInt32, amounts: UnsafePointer<Int64>, rest: Bool, until: Int64) {
    let id = ids.take()
    if Int(id) == filters.count {
      filters.append(Filter(claimant: 0, agent: 0, until: 0, refusedRest: false, generation: 0, inUse: false))
      refused.growRows(to: filters.count)
    }
    let generation = filters[Int(id)].generation &+ 1
    filters[Int(id)] = Filter(
      claimant: claimant, agent: agent, until: until, refusedRest: rest, generation: generation, inUse: true)
    refused.row(id).update(from: amounts, count: refused.kinds)
    byPair[key(claimant, agent), default: []].append(id)
    claimantsOfAgent[agent, default: []].insert(claimant)
    agentsOfClaimant[claimant, default: []].insert(agent)
    ends.insert(End(until: until, id: id, generation: generation))
  }

  func hasAny(claimant: UInt32, agent: UInt32) -> Bool { byPair[key(claimant, agent)] != nil }

  /// Whether some filter of the pair covers an offer of `amounts`.
  func hides(claimant: UInt32, agent: UInt32, amounts: UnsafePointer<Int64>, rest: Bool) -> Bool {
    guard let ids = byPair[key(claimant, agent)] else { return false }
    return ids.contains { id in
      guard filters[Int(id)].refusedRest || !rest else { return false }
      let row = refused.row(id)
      for kind in 0..<refused.kinds where amounts[kind] > row[kind] { return false }
      return true
    }
  }

  func claimants(filteringOn agent: UInt32) -> Set<UInt32> { claimantsOfAgent[agent] ?? [] }

  /// Ends the filters whose time has come; answers the pairs that lost one.
  func removeExpired(at now: Int64) -> [(claimant: UInt32, agent: UInt32)] {
    var pairs: [(claimant: UInt32, agent: UInt32)] = []
    while let end = ends.min, end.until <= now {
      ends.removeMin()
      let filter = filters[Int(end.id)]
      guard filter.inUse, filter.generation == end.generation else { continue }
      remove(end.id)
      pairs.append((filter.claimant, filter.agent))
    }
    return pairs
  }

  /// Ends all filters of a claimant; answers their agents.
  func removeAll(claimant: UInt32) -> Set<UInt32> {
    let agents = agentsOfClaimant[claimant] ?? []
    for agent in agents { removePair(claimant, agent) }
    return agents
  }

  /// Ends all filters on an agent; answers their claimants.
  func removeAll(agent: UInt32) -> Set<UInt32> {
    let claimants = claimantsOfAgent[agent] ?? []
    for claimant in claimants { removePair(claimant, agent) }
    return claimants
  }

  private func removePair(_ claimant: UInt32, _ agent: UInt32) {
    for id in byPair[key(claimant, agent)] ?? [] { remove(id) }
  }

  private func remove(_ id: UInt32) {
    let filter = filters[Int(id)]
    filters[Int(id)].inUse = false
    ids.giveBack(id)
    let pair = key(filter.claimant, filter.agent)
    byPair[pair]?.removeAll { $0 == id }
    guard byPair[pair]?.isEmpty ?? false else { return }
    byPair[pair] = nil
    claimantsOfAgent[filter.agent]?.remove(filter.claimant)
    if claimantsOfAgent[filter.agent]?.isEmpty ?? false { claimantsOfAgent[filter.agent] = nil }
    agentsOfClaimant[filter.claimant]?.remove(filter.agent)
    if agentsOfClaimant[filter.claimant]?.isEmpty ?? false { agentsOfClaimant[filter.claimant] = nil }
  }

  private func key(_ claimant: UInt32, _ agent: UInt32) -> UInt64 {
    UInt64(claimant) << 32 | UInt64(agent)
  }
}
