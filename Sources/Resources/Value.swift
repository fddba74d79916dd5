/// How much, or which, of a resource.
public enum Value: Hashable, Sendable {
  case scalar(Quantity)
  case ranges(Ranges)
  case set(Set<String>)

  /// Whether there is nothing of it. A negative scalar is no more than nothing.
  public var isEmpty: Bool {
    switch self {
    case .scalar(let quantity): quantity <= .zero
    case .ranges(let ranges): ranges.isEmpty
    case .set(let items): items.isEmpty
    }
  }

  func contains(_ other: Value) -> Bool {
    switch (self, other) {
    case (.scalar(let left), .scalar(let right)): right <= left
    case (.ranges(let left), .ranges(let right)): left.contains(right)
    case (.set(let left), .set(let right)): left.isSuperset(of: right)
    default: false
    }
  }

  func hasType(of other: Value) -> Bool {
    switch (self, other) {
    case (.scalar, .scalar), (.ranges, .ranges), (.set, .set): true
    default: false
    }
  }

  /// Adds a value of the same type; another type changes nothing.
  mutating func add(_ other: Value) {
    switch (self, other) {
    case (.scalar(let left), .scalar(let right)): self = .scalar(left + right)
    case (.ranges(let left), .ranges(let right)): self = .ranges(left + right)
    case (.set(let left), .set(let right)): self = .set(left.union(right))
    default: break
    }
  }

  /// Takes away what is there of a value of the same type.
  mutating func subtract(_ other: Value) {
    switch (self, other) {
    case (.scalar(let left), .scalar(let right)): self = .scalar(left - right)
    case (.ranges(let left), .ranges(let right)): self = .ranges(left - right)
    case (.set(let left), .set(let right)): self = .set(left.subtracting(right))
    default: break
    }
  }
}

extension Value: CustomStringConvertible {
  public var description: String {
    switch self {
    case .scalar(let quantity): quantity.description
    case .ranges(let ranges): ranges.description
    case .set(let items): "{" + items.sorted().joined(separator: ", ") + "}"
    }
  }
}
