/// What an endpoint shows, as a tree that any encoder can write.
public enum ViewValue: Sendable, Equatable {
  case text(String)
  case number(Double)
  case integer(Int)
  case boolean(Bool)
  case list([ViewValue])
  case object([String: ViewValue])
  /// Leaves out the member that it is the value of.
  case absent

  static func of(_ text: String?) -> ViewValue { text.map { .text($0) } ?? .absent }
  static func of(_ number: Double?) -> ViewValue { number.map { .number($0) } ?? .absent }
}

extension ViewValue: Encodable {
  private struct MemberName: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { return nil }
  }

  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .object(let members):
      var container = encoder.container(keyedBy: MemberName.self)
      for (name, value) in members where value != .absent {
        try container.encode(value, forKey: MemberName(stringValue: name))
      }
    case .list(let items):
      var container = encoder.unkeyedContainer()
      for item in items { try container.encode(item) }
    default:
      var container = encoder.singleValueContainer()
      switch self {
      case .text(let text): try container.encode(text)
      case .number(let number): try container.encode(number)
      case .integer(let integer): try container.encode(integer)
      case .boolean(let boolean): try container.encode(boolean)
      default: try container.encodeNil()
      }
    }
  }
}

extension ViewValue: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral
{
  public init(dictionaryLiteral elements: (String, ViewValue)...) {
    self = .object(Dictionary(elements) { _, last in last })
  }

  public init(arrayLiteral elements: ViewValue...) { self = .list(elements) }
  public init(stringLiteral value: String) { self = .text(value) }
  public init(booleanLiteral value: Bool) { self = .boolean(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }

  /// The same object with more members; of equal names the new one counts.
  func adding(_ more: ViewValue) -> ViewValue {
    guard case .object(let own) = self, case .object(let others) = more else { return self }
    return .object(own.merging(others) { $1 })
  }
}
