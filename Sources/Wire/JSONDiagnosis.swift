import SwiftProtobuf

/// Says, in Mesos' words, why a JSON body is not the message that it should be (protocol fact 13).
///
/// Slow next to decoding, so it runs only for what was refused already, and only over bodies of a moderate size.
struct JSONDiagnosis {
  static let parseFailed = "Failed to parse body into JSON: "
  static let conversionFailed = "Failed to convert JSON into Call protobuf: "

  /// Bodies larger than this are refused without an explanation: a generic tree takes many times their size.
  private static let maxBytes = 1 << 20

  /// Nil if nothing is wrong.
  ///
  /// - Parameter error: what the decoder said, if it failed.
  static func refusal(of bytes: [UInt8], as type: any Message.Type, error: (any Error)?) -> WireRefusal? {
    guard bytes.count <= maxBytes else {
      return error.map { WireRefusal(400, conversionFailed + "\($0)") }
        ?? WireRefusal(400, conversionFailed + "a required field is missing, or an enum is given as a number")
    }
    let tree: Google_Protobuf_Value
    do { tree = try Google_Protobuf_Value(jsonUTF8Bytes: bytes) } catch {
      return WireRefusal(400, parseFailed + JSONSyntaxError.text(of: bytes))
    }
    guard case .structValue(let object)? = tree.kind else {
      return WireRefusal(400, conversionFailed + "Expecting a JSON object")
    }
    if let problem = wrongValue(in: object, as: type.protoMessageName) {
      return WireRefusal(400, conversionFailed + problem)
    }
    let missing = missingFields(in: object, as: type.protoMessageName, at: "")
    if !missing.isEmpty {
      return WireRefusal(400, conversionFailed + "Missing required fields: " + missing.joined(separator: ", "))
    }
    guard let error else { return nil }
    return WireRefusal(400, conversionFailed + (wrongNumber(in: object, as: type.protoMessageName) ?? "\(error)"))
  }

  /// What is wrong with an array as such; nil if only its items can be.
  static func refusal(ofList bytes: [UInt8]) -> WireRefusal? {
    guard bytes.count <= maxBytes else { return nil }
    let tree: Google_Protobuf_Value
    do { tree = try Google_Protobuf_Value(jsonUTF8Bytes: bytes) } catch {
      return WireRefusal(400, parseFailed + JSONSyntaxError.text(of: bytes))
    }
    if case .listValue? = tree.kind { return nil }
    return WireRefusal(400, parseFailed + "Unexpected JSON type parsed")
  }

  // MARK: Values of the wrong kind

  /// Members in the order of their names, as Mesos goes through them.
  private static func wrongValue(in object: Google_Protobuf_Struct, as message: String) -> String? {
    guard let schema = MessageSchema.all[message] else { return nil }
    let fields = schema.fields.sorted { $0.name < $1.name }
    for field in fields {
      guard let value = object.fields[field.name]?.kind else { continue }
      if let problem = problem(of: value, as: field.kind, isRepeated: field.label == .repeated, field.name) {
        return problem
      }
    }
    return nil
  }

  private static func problem(
    of value: Google_Protobuf_Value.OneOf_Kind, as kind: MessageSchema.Kind, isRepeated: Bool, _ name: String
  ) -> String? {
    switch (value, kind) {
    case (.nullValue, _): return nil
    case (.structValue(let object), .map(let valueKind)):
      let values = object.fields.sorted { $0.key < $1.key }.compactMap(\.value.kind)
      return values.lazy.compactMap { problem(of: $0, as: valueKind, isRepeated: false, name) }.first
    case (.structValue(let object), .message(let message)): return wrongValue(in: object, as: message)
    case (.structValue, _): return unexpected("object", name)
    case (.listValue(let list), _) where isRepeated:
      return list.values.lazy.compactMap(\.kind).compactMap { problem(of: $0, as: kind, isRepeated: true, name) }.first
    case (.listValue, _): return unexpected("array", name)
    case (.numberValue, .double), (.numberValue, .integer): return nil
    case (.numberValue, _): return unexpected("number", name)
    case (.boolValue, .bool): return nil
    case (.boolValue, _): return unexpected("boolean", name)
    case (.stringValue(let text), _): return problem(ofText: text, as: kind, name)
    }
  }

  private static func problem(ofText text: String, as kind: MessageSchema.Kind, _ name: String) -> String? {
    switch kind {
    case .string, .enum: nil
    case .bytes: base64Problem(of: text).map { "Failed to base64 decode bytes field '\(name)': \($0)" }
    case .double, .integer:
      isNumber(text) ? nil : "Failed to parse '\(text)' as a JSON number for field '\(name)'"
    case .bool:
      text == "true" || text == "false" ? nil : "Failed to parse '\(text)' as a JSON boolean for field '\(name)'"
    case .message, .map: unexpected("string", name)
    }
  }

  private static func unexpected(_ kind: String, _ name: String) -> String {
    "Not expecting a JSON \(kind) for field '\(name)'"
  }

  private static func isNumber(_ text: String) -> Bool {
    Double(text) != nil || text == "Infinity" || text == "-Infinity"
  }

  private static func base64Problem(of text: String) -> String? {
    let digits = text.utf8.reversed().drop { $0 == UInt8(ascii: "=") }.reversed()
    let wrong = digits.first { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
        false
      default: true
      }
    }
    if let wrong { return "Invalid character '\(String(decoding: [wrong], as: UTF8.self))'" }
    return digits.count % 4 == 1 ? "Invalid length" : nil
  }

  // MARK: Required fields

  /// Paths like `accept.operations[0].type`: of each message its own first, then those of the messages inside.
  private static func missingFields(
    in object: Google_Protobuf_Struct, as message: String, at prefix: String
  ) -> [String] {
    guard let schema = MessageSchema.all[message] else { return [] }
    var missing = schema.fields.filter { $0.label == .required && isAbsent($0, in: object) }.map { prefix + $0.name }
    for field in schema.fields {
      guard let value = object.fields[field.name]?.kind else { continue }
      switch (value, field.kind) {
      case (.structValue(let inner), .message(let name)):
        missing += missingFields(in: inner, as: name, at: "\(prefix)\(field.name).")
      case (.structValue(let map), .map(.message(let name))):
        for (key, value) in map.fields.sorted(by: { $0.key < $1.key }) {
          missing += missingFields(in: value.structValue, as: name, at: "\(prefix)\(field.name)[\"\(key)\"].")
        }
      case (.listValue(let list), .message(let name)):
        for (index, value) in list.values.enumerated() {
          missing += missingFields(in: value.structValue, as: name, at: "\(prefix)\(field.name)[\(index)].")
        }
      default: break
      }
    }
    return missing
  }

  private static func isAbsent(_ field: MessageSchema.Field, in object: Google_Protobuf_Struct) -> Bool {
    switch object.fields[field.name]?.kind {
    case nil, .nullValue: true
    default: false
    }
  }
}
