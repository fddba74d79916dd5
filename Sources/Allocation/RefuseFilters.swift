import HeapModule
import Resources

/// The refuse filters: what a claimant declined on an agent, and until when it is not to be bothered again
/// (protocol facts 47 and 48).
///
/// A filter hides an offer as long as what was refused contains what would be offered: plain amounts kind by kind, and
/// the rest (reservations, ports, volumes) as resources. It is found by its claimant and agent, by its agent (whose
/// amounts changed), by its claimant (which revives) and by its end in time; each of the four costs no more than the
/// filters that it concerns.
final class RefuseFilters {
  private struct Filter {
    var claimant = noID
    var agent = noID
    var until: Int64 = 0
    /// What was refused besides plain amounts, in nobody's hands.
    var refusedRest = Resources()
    /// Tells the entries in `ends` of earlier filters with the same id apart.
    var generation: UInt32 = 0
    var isInUse = false
    /// Of the same claimant and agent.
    var nextOfPair = noID
  }

  private struct End: Comparable {
    var until: Int64
    var id: UInt32
    var generation: UInt32

    static func < (left: End, right: End) -> Bool { left.until < right.until }
  }

  private var filters: [Filter] = []
  private var ids = DenseIDs()
  private let refused: QuantityTable
  private var firstOfPair: [UInt64: UInt32] = [:]
  private let byAgent = LinkedLists()
  private let byClaimant = LinkedLists()
  /// How many each claimant has.
  private let counts = Column<UInt32>(initial: 0)
  private var ends = Heap<End>()
  /// Entries of `ends` whose filter went before its time.
  private var staleCount = 0

  init(kinds: Int) {
    refused = QuantityTable(kinds: kinds)
  }

  /// When the next filter may end; a filter that was removed before its time may cause an idle wake-up.
  var nextEnd: Int64? { ends.min?.until }

  func widen(to kinds: Int) { refused.widen(to: kinds) }

  /// A filter that another one of the pair outlives and covers is not kept.
  func add(claimant: UInt32, agent: UInt32, amounts: UnsafePointer<Int64>, rest: Resources, until: Int64) {
    let pair = key(claimant, agent)
    let first = firstOfPair[pair] ?? noID
    var old = first
    while old != noID {
      if filters[Int(old)].until >= until, covers(old, amounts, rest) { return }
      if filters[Int(old)].until <= until, isCovered(old, amounts, rest) {
        staleCount += 1
        return set(old, amounts, rest, until)
      }
      old = filters[Int(old)].nextOfPair
    }
    let id = ids.take()
    if Int(id) == filters.count {
      filters.append(Filter())
      refused.growRows(to: filters.count)
    }
    filters[Int(id)].claimant = claimant
    filters[Int(id)].agent = agent
    filters[Int(id)].isInUse = true
    filters[Int(id)].nextOfPair = first
    firstOfPair[pair] = id
    byAgent.insert(id, of: agent)
    byClaimant.insert(id, of: claimant)
    counts.grow(to: Int(claimant) + 1)
    counts[claimant] += 1
    set(id, amounts, rest, until)
  }

  func count(of claimant: UInt32) -> Int { Int(claimant) < counts.count ? Int(counts[claimant]) : 0 }

  func hasAny(on agent: UInt32) -> Bool { !byAgent.isEmpty(agent) }

  func hasAny(claimant: UInt32, agent: UInt32) -> Bool { hasAny(on: agent) && firstOfPair[key(claimant, agent)] != nil }

  /// Whether some filter of the pair covers an offer of the plain `amounts` and the `rest`.
  func hides(claimant: UInt32, agent: UInt32, amounts: UnsafePointer<Int64>, rest: Resources) -> Bool {
    guard hasAny(on: agent) else { return false }
    var id = firstOfPair[key(claimant, agent)] ?? noID
    while id != noID {
      if covers(id, amounts, rest) { return true }
      id = filters[Int(id)].nextOfPair
    }
    return false
  }

  /// A claimant with several filters comes several times.
  func claimants(filteringOn agent: UInt32) -> [UInt32] {
    byAgent[agent].map { filters[Int($0)].claimant }
  }

  /// An agent with several filters comes several times.
  func agents(filteredFor claimant: UInt32) -> [UInt32] {
    byClaimant[claimant].map { filters[Int($0)].agent }
  }

  /// Ends the filters whose time has come; answers the pairs that lost one.
  func removeExpired(at now: Int64) -> [(claimant: UInt32, agent: UInt32)] {
    var pairs: [(claimant: UInt32, agent: UInt32)] = []
    while let end = ends.min, end.until <= now {
      ends.removeMin()
      guard isCurrent(end) else {
        staleCount -= 1
        continue
      }
      pairs.append((filters[Int(end.id)].claimant, filters[Int(end.id)].agent))
      remove(end.id)
    }
    return pairs
  }

  /// Ends all filters of a claimant; answers their agents.
  func removeAll(claimant: UInt32) -> Set<UInt32> {
    Set(removeEarly(byClaimant[claimant]).map(\.agent))
  }

  /// Ends all filters on an agent; answers their claimants.
  func removeAll(agent: UInt32) -> Set<UInt32> {
    Set(removeEarly(byAgent[agent]).map(\.claimant))
  }

  // MARK: One filter

  private func set(_ id: UInt32, _ amounts: UnsafePointer<Int64>, _ rest: Resources, _ until: Int64) {
    filters[Int(id)].until = until
    filters[Int(id)].refusedRest = rest
    filters[Int(id)].generation &+= 1
    refused.row(id).update(from: amounts, count: refused.kinds)
    ends.insert(End(until: until, id: id, generation: filters[Int(id)].generation))
    forgetStale()
  }

  private func covers(_ id: UInt32, _ amounts: UnsafePointer<Int64>, _ rest: Resources) -> Bool {
    let row = refused.row(id)
    for kind in 0..<refused.kinds where amounts[kind] > row[kind] { return false }
    return rest.isEmpty || filters[Int(id)].refusedRest.contains(rest)
  }

  private func isCovered(_ id: UInt32, _ amounts: UnsafePointer<Int64>, _ rest: Resources) -> Bool {
    let row = refused.row(id)
    for kind in 0..<refused.kinds where row[kind] > amounts[kind] { return false }
    return filters[Int(id)].refusedRest.isEmpty || rest.contains(filters[Int(id)].refusedRest)
  }

  private func removeEarly(_ ids: [UInt32]) -> [(claimant: UInt32, agent: UInt32)] {
    let pairs = ids.map { (filters[Int($0)].claimant, filters[Int($0)].agent) }
    for id in ids { remove(id) }
    staleCount += ids.count
    forgetStale()
    return pairs
  }

  private func remove(_ id: UInt32) {
    let filter = filters[Int(id)]
    byAgent.remove(id, of: filter.agent)
    byClaimant.remove(id, of: filter.claimant)
    counts[filter.claimant] -= 1
    let pair = key(filter.claimant, filter.agent)
    if firstOfPair[pair] == id {
      firstOfPair[pair] = filter.nextOfPair == noID ? nil : filter.nextOfPair
    } else {
      var other = firstOfPair[pair] ?? noID
      while other != noID, filters[Int(other)].nextOfPair != id { other = filters[Int(other)].nextOfPair }
      if other != noID { filters[Int(other)].nextOfPair = filter.nextOfPair }
    }
    filters[Int(id)] = Filter(generation: filter.generation)
    ids.giveBack(id)
  }

  /// A framework that declines for a year and revives every minute must not fill the heap.
  private func forgetStale() {
    guard staleCount > 1024, staleCount > ends.count / 2 else { return }
    ends = Heap(ends.unordered.filter(isCurrent))
    staleCount = 0
  }

  private func isCurrent(_ end: End) -> Bool {
    filters[Int(end.id)].isInUse && filters[Int(end.id)].generation == end.generation
  }

  private func key(_ claimant: UInt32, _ agent: UInt32) -> UInt64 {
    UInt64(claimant) << 32 | UInt64(agent)
  }
}
