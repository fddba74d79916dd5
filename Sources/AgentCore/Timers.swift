import HeapModule

/// Deadlines by key, in nanoseconds. Setting and cancelling cost O(log n): a replaced or cancelled entry stays in the heap
/// until it surfaces, or until such entries outnumber the live ones.
struct Timers<Key: Hashable> {
  private struct Entry: Comparable {
    var deadline: Int64
    var key: Key

    static func < (left: Self, right: Self) -> Bool { left.deadline < right.deadline }
    static func == (left: Self, right: Self) -> Bool { left.deadline == right.deadline }
  }

  private var live: [Key: Int64] = [:]
  private var heap = Heap<Entry>()

  mutating func set(_ key: Key, at deadline: Int64) {
    live[key] = deadline
    heap.insert(Entry(deadline: deadline, key: key))
    if heap.count > 64 + 2 * live.count {
      heap = Heap(live.map { Entry(deadline: $0.value, key: $0.key) })
    }
  }

  mutating func cancel(_ key: Key) {
    live[key] = nil
  }

  func deadline(of key: Key) -> Int64? {
    live[key]
  }

  mutating func next() -> Int64? {
    dropStale()
    return heap.min?.deadline
  }

  /// Takes the earliest deadline that is not after `now`.
  mutating func popDue(_ now: Int64) -> Key? {
    dropStale()
    guard let first = heap.min, first.deadline <= now else { return nil }
    _ = heap.popMin()
    live[first.key] = nil
    return first.key
  }

  private mutating func dropStale() {
    while let first = heap.min, live[first.key] != first.deadline { _ = heap.popMin() }
  }
}
