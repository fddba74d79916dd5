/// A fact about an agent that frameworks choose by: `rack:r1`.
public struct Attribute: Hashable, Sendable {
  public enum Value: Hashable, Sendable {
    case scalar(Quantity)
    case ranges(Ranges)
    case text(String)
  }

  public var name: String
  public var value: Value

  public init(_ name: String, _ value: Value) {
    self.name = name
    self.value = value
  }
}

extension Attribute: CustomStringConvertible {
  public var description: String { "\(name):\(value)" }
}

extension Attribute.Value: CustomStringConvertible {
  public var description: String {
    switch self {
    case .scalar(let quantity): quantity.description
    case .ranges(let ranges): ranges.description
    case .text(let text): text
    }
  }
}
