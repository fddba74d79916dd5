/// A growing array in memory that never moves while it does not grow, so that a view can point at it.
///
/// One owner, one thread. New elements start as `initial`.
final class Column<Element: BitwiseCopyable> {
  private(set) var base: UnsafeMutablePointer<Element>
  private(set) var count = 0
  private var capacity: Int
  private let initial: Element

  init(initial: Element) {
    self.initial = initial
    capacity = 16
    base = .allocate(capacity: capacity)
    base.initialize(repeating: initial, count: capacity)
  }

  deinit {
    base.deallocate()
  }

  var pointer: UnsafePointer<Element> { UnsafePointer(base) }

  /// Reading and writing need `0 <= index < count`.
  subscript(index: Int) -> Element {
    get {
      assert(index >= 0 && index < count)
      return base[index]
    }
    set {
      assert(index >= 0 && index < count)
      base[index] = newValue
    }
  }

  subscript(id: UInt32) -> Element {
    get { self[Int(id)] }
    set { self[Int(id)] = newValue }
  }

  func grow(to newCount: Int) {
    if newCount > capacity { reserve(max(newCount, capacity * 2)) }
    count = max(count, newCount)
  }

  func append(_ element: Element) {
    grow(to: count + 1)
    base[count - 1] = element
  }

  var isEmpty: Bool { count == 0 }

  func filter(_ isIncluded: (Element) -> Bool) -> Column {
    let result = Column(initial: initial)
    for index in 0..<count where isIncluded(base[index]) { result.append(base[index]) }
    return result
  }

  func removeLast() {
    count -= 1
    base[count] = initial
  }

  /// Forgets the elements; the memory stays.
  func removeAll() {
    base.update(repeating: initial, count: count)
    count = 0
  }

  private func reserve(_ newCapacity: Int) {
    let bigger = UnsafeMutablePointer<Element>.allocate(capacity: newCapacity)
    bigger.initialize(repeating: initial, count: newCapacity)
    bigger.update(from: base, count: count)
    base.deallocate()
    base = bigger
    capacity = newCapacity
  }
}

/// A column that is kept ascending, without repetitions.
extension Column where Element: Comparable {
  func insertAscending(_ element: Element) {
    let place = place(of: element)
    guard place == count || base[place] != element else { return }
    append(element)
    (base + place + 1).update(from: base + place, count: count - 1 - place)
    base[place] = element
  }

  func removeAscending(_ element: Element) {
    let place = place(of: element)
    guard place < count, base[place] == element else { return }
    (base + place).update(from: base + place + 1, count: count - 1 - place)
    removeLast()
  }

  /// Of the first that is not less.
  private func place(of element: Element) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if base[middle] < element { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
