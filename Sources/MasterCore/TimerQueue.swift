import HeapModule

/// Deadlines in order. A timer that no longer means anything is not taken out: whoever gets it sees that by its
/// generation.
struct TimerQueue<Timer> {
  private struct Entry: Comparable {
    var deadline: Int64
    var number: UInt64
    var timer: Timer

    static func < (left: Entry, right: Entry) -> Bool {
      (left.deadline, left.number) < (right.deadline, right.number)
    }

    static func == (left: Entry, right: Entry) -> Bool { left.number == right.number }
  }

  private var heap = Heap<Entry>()
  private var nextNumber: UInt64 = 0

  var nextDeadline: Int64? { heap.min?.deadline }

  mutating func add(_ timer: Timer, at deadline: Int64) {
    heap.insert(Entry(deadline: deadline, number: nextNumber, timer: timer))
    nextNumber += 1
  }

  mutating func popDue(at now: Int64) -> Timer? {
    guard let first = heap.min, first.deadline <= now else { return nil }
    heap.removeMin()
    return first.timer
  }
}
