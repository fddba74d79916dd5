import CTepui
import Resources

/// A parameter as a module declares it.
public struct ParameterSpecification: Equatable, Sendable {
  public enum Form: UInt32, Sendable {
    case text, integer, quantity, boolean, duration
  }

  public let name: String
  public let form: Form
  /// The default, as it would be written in modules.json.
  public let initial: String
  /// Of the integer value, inclusive; nil when any will do.
  public let range: ClosedRange<Int64>?
  /// For text: the only values allowed; empty when any is.
  public let allowed: [String]
  /// One sentence for an operator.
  public let help: String

  /// What may be written, for a message.
  public var allowedValues: String {
    switch form {
    case .text: return allowed.isEmpty ? "any text" : "one of " + allowed.map { "\"\($0)\"" }.joined(separator: ", ")
    case .boolean: return "true or false"
    case .integer: return "an integer" + bounds { "\($0)" }
    case .quantity: return "a number with at most three decimals" + bounds { "\(Quantity(thousandths: $0))" }
    case .duration: return "a duration such as 250ms or 5secs" + bounds { DurationText.text(nanoseconds: $0) }
    }
  }

  public func allows(_ text: String) -> Bool { value(text) != nil }

  private func bounds(_ format: (Int64) -> String) -> String {
    guard let range else { return "" }
    if range.upperBound == .max { return ", at least \(format(range.lowerBound))" }
    if range.lowerBound == .min { return ", at most \(format(range.upperBound))" }
    return " from \(format(range.lowerBound)) to \(format(range.upperBound))"
  }

  /// The checked value of a text, or nil if it is not among `allowedValues`.
  func value(_ text: String) -> ParameterValue? {
    guard let integer = integer(text) else { return nil }
    return ParameterValue(name: name, form: form, text: text, integer: integer)
  }

  private func integer(_ text: String) -> Int64? {
    let value: Int64?
    switch form {
    case .text: return allowed.isEmpty || allowed.contains(text) ? 0 : nil
    case .boolean: return text == "true" ? 1 : text == "false" ? 0 : nil
    case .integer: value = Int64(text)
    case .quantity: value = Thousandths.parse(text)
    case .duration: value = DurationText.nanoseconds(text)
    }
    guard let value, range?.contains(value) ?? true else { return nil }
    return value
  }
}

/// A parameter's value, checked.
struct ParameterValue: Equatable, Sendable {
  let name: String
  let form: ParameterSpecification.Form
  let text: String
  let integer: Int64
}

/// Numbers with at most three decimals, as integers.
enum Thousandths {
  static func parse(_ text: String) -> Int64? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let decimals = parts.count == 2 ? parts[1] : ""
    guard decimals.count <= 3, parts.count == 1 || !decimals.isEmpty, decimals.allSatisfy({ "0"..."9" ~= $0 }),
      text.contains(where: { "0"..."9" ~= $0 })
    else { return nil }
    return Int64(parts[0] + decimals + String(repeating: "0", count: 3 - decimals.count))
  }
}
