import SwiftProtobuf

extension JSONDiagnosis {
  /// The number that an integer field cannot hold: the likeliest one, for the decoder does not say which it met.
  static func wrongNumber(in object: Google_Protobuf_Struct, as message: String) -> String? {
    let numbers = integers(in: object, as: message)
    let doubts: [(Double) -> Bool] = [
      { $0 != $0.rounded() || $0 >= 0x1p64 || $0 < -0x1p63 }, { $0 < 0 }, { $0 > Double(Int32.max) },
    ]
    for isDoubtful in doubts {
      guard let found = numbers.first(where: { isDoubtful($0.value) }) else { continue }
      return "Not expecting the number \(found.text) for field '\(found.name)'"
    }
    return nil
  }

  private typealias Found = (name: String, text: String, value: Double)

  private static func integers(in object: Google_Protobuf_Struct, as message: String) -> [Found] {
    guard let schema = MessageSchema.all[message] else { return [] }
    return schema.fields.sorted { $0.name < $1.name }.flatMap { field in
      object.fields[field.name].map { integers(in: $0, as: field.kind, field.name) } ?? []
    }
  }

  private static func integers(
    in value: Google_Protobuf_Value, as kind: MessageSchema.Kind, _ name: String
  ) -> [Found] {
    switch (value.kind, kind) {
    case (.numberValue(let number), .integer):
      return [(name, number == number.rounded() && abs(number) < 0x1p63 ? "\(Int64(number))" : "\(number)", number)]
    case (.stringValue(let text), .integer): return [(name, text, Double(text) ?? .nan)]
    case (.structValue(let inner), .message(let message)): return integers(in: inner, as: message)
    case (.structValue(let map), .map(let kind)):
      return map.fields.sorted { $0.key < $1.key }.flatMap { integers(in: $0.value, as: kind, name) }
    case (.listValue(let list), _): return list.values.flatMap { integers(in: $0, as: kind, name) }
    default: return []
    }
  }
}
