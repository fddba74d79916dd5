/// A collection of resources, normalised: nothing empty is in it, and no two elements could melt into one.
///
/// Elements keep the order in which they came. `-` takes away what is there and ignores the rest, so it never leaves
/// anything negative; ask `contains` first where that matters.
public struct Resources: Sendable {
  public private(set) var elements: [Resource] = []

  public init() {}

  public init(_ resource: Resource) {
    add(resource)
  }

  public init(_ resources: some Sequence<Resource>) {
    for resource in resources { add(resource) }
  }

  /// For elements that are known to be normalised: a part of those of another collection.
  init(normalised elements: [Resource]) {
    self.elements = elements
  }

  public var isEmpty: Bool { elements.isEmpty }

  public func contains(_ other: Resources) -> Bool {
    other.elements.allSatisfy { wanted in
      if wanted.isIndivisible { return copies(of: wanted) >= other.copies(of: wanted) }
      return elements.contains { $0.isAddable(to: wanted) && $0.value.contains(wanted.value) }
    }
  }

  private func copies(of indivisible: Resource) -> Int {
    elements.reduce(0) { $0 + ($1 == indivisible ? 1 : 0) }
  }

  mutating func add(_ resource: Resource) {
    if resource.isEmpty { return }
    if let index = elements.firstIndex(where: { $0.isAddable(to: resource) }) {
      elements[index].value.add(resource.value)
    } else {
      elements.append(resource)
    }
  }

  mutating func subtract(_ resource: Resource) {
    // An amount that is not positive takes nothing: it must never make resources out of nothing.
    if resource.isEmpty { return }
    if resource.isIndivisible {
      if let index = elements.firstIndex(of: resource) { elements.remove(at: index) }
      return
    }
    guard let index = elements.firstIndex(where: { $0.isAddable(to: resource) }) else { return }
    elements[index].value.subtract(resource.value)
    if elements[index].isEmpty { elements.remove(at: index) }
  }

  public static func + (left: Resources, right: Resources) -> Resources {
    var sum = left
    sum += right
    return sum
  }

  public static func - (left: Resources, right: Resources) -> Resources {
    var difference = left
    difference -= right
    return difference
  }

  public static func += (left: inout Resources, right: Resources) {
    if left.isEmpty {
      left = right
    } else {
      for resource in right.elements { left.add(resource) }
    }
  }

  public static func -= (left: inout Resources, right: Resources) {
    if left.elements == right.elements {
      left = Resources()
      return
    }
    for resource in right.elements { left.subtract(resource) }
  }
}

extension Resources: Equatable {
  /// The order of elements does not count.
  public static func == (left: Resources, right: Resources) -> Bool {
    left.elements == right.elements
      || (left.elements.count == right.elements.count && left.contains(right) && right.contains(left))
  }
}

extension Resources: Sequence {
  public func makeIterator() -> Array<Resource>.Iterator { elements.makeIterator() }

  public var underestimatedCount: Int { elements.count }
}

extension Resources: ExpressibleByArrayLiteral {
  public init(arrayLiteral elements: Resource...) {
    self.init(elements)
  }
}

extension Resources: CustomStringConvertible {
  /// As in Mesos' texts: `cpus(allocated: roleA):8; mem(allocated: roleA):8192`; `{}` when empty.
  public var description: String {
    isEmpty ? "{}" : elements.map(\.description).joined(separator: "; ")
  }
}
