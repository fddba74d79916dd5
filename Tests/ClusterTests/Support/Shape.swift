import Foundation
import Testing

/// What is alike in two answers whose ids, times and amounts differ: the names of members and the kinds of values.
struct Shape: Equatable, CustomStringConvertible {
  let description: String

  init(_ json: String) throws {
    description = Self.text(try JSONSerialization.jsonObject(with: Data(json.utf8), options: .fragmentsAllowed))
  }

  /// Members by name; items of a list that are alike are told once.
  private static func text(_ value: Any) -> String {
    switch value {
    case let object as [String: Any]:
      "{" + object.sorted { $0.key < $1.key }.map { "\($0.key): \(text($0.value))" }.joined(separator: ", ") + "}"
    case let list as [Any]: "[" + Set(list.map { text($0) }).sorted().joined(separator: " | ") + "]"
    case is String: "text"
    case let number as NSNumber: String(cString: number.objCType) == "c" ? "boolean" : "number"
    default: "null"
    }
  }
}
