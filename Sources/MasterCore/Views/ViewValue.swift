import Wire

/// What an endpoint shows, as a tree: for what is small. Tasks, agents and frameworks write themselves.
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

extension ViewValue {
  /// Members go out in the order of their names.
  public func write(to json: inout JSONWriter) {
    switch self {
    case .text(let text): json.value(text)
    case .number(let number): json.value(number)
    case .integer(let integer): json.value(integer)
    case .boolean(let boolean): json.value(boolean)
    case .list(let items): json.list(items) { $1.write(to: &$0) }
    case .object(let members):
      json.object { json in
        for (name, value) in members.sorted(by: { $0.key < $1.key }) where value != .absent {
          json.name(name)
          value.write(to: &json)
        }
      }
    case .absent: json.value(json: "null".utf8)
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
  public func adding(_ more: ViewValue) -> ViewValue {
    guard case .object(let own) = self, case .object(let others) = more else { return self }
    return .object(own.merging(others) { $1 })
  }
}
