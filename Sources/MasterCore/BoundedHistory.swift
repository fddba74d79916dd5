/// The last so many of something, oldest first; adding costs the same however many there are.
public struct BoundedHistory<Element>: Sequence {
  private var elements: [Element] = []
  private var oldest = 0
  private let limit: Int

  init(limit: Int) {
    self.limit = Swift.max(0, limit)
  }

  public var count: Int { elements.count }

  /// Adds an element and returns the one that had to go for it.
  @discardableResult
  mutating func append(_ element: Element) -> Element? {
    if limit == 0 { return element }
    if elements.count < limit {
      elements.append(element)
      return nil
    }
    let dropped = elements[oldest]
    elements[oldest] = element
    oldest = (oldest + 1) % limit
    return dropped
  }

  public func makeIterator() -> Array<Element>.Iterator {
    (Array(elements[oldest...]) + elements[..<oldest]).makeIterator()
  }
}

extension BoundedHistory: Sendable where Element: Sendable {}
