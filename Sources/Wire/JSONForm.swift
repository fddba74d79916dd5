import SwiftProtobuf

/// Mesos' JSON mapping of messages (protocol facts 126 to 134), on top of swift-protobuf's: names as in the .proto, 64-bit
/// integers as numbers, unknown fields and enum values ignored, explicit defaults written.
enum JSONForm {
  private static let encoding: JSONEncodingOptions = {
    var options = JSONEncodingOptions()
    options.preserveProtoFieldNames = true
    options.alwaysPrintInt64sAsNumbers = true
    return options
  }()

  private static let decoding: JSONDecodingOptions = {
    var options = JSONDecodingOptions()
    options.ignoreUnknownFields = true
    return options
  }()

  static func encode<Body: Message>(_ message: Body) -> [UInt8] {
    var message = message
    if var withDefaults = message as? any DefaultsWriting {
      withDefaults.writeDefaults()
      if let written = withDefaults as? Body { message = written }
    }
    return (try? message.jsonUTF8Bytes(options: encoding)) ?? []
  }

  /// Good input is decoded once. What fails, or may hold an enum as a number, is looked at again to say why.
  static func decode<Body: Message>(_ type: Body.Type, from bytes: [UInt8]) throws(WireRefusal) -> Body {
    do {
      let message = try Body(jsonUTF8Bytes: bytes, options: decoding)
      if message.isInitialized && !mayHoldNumberedEnum(bytes) { return message }
      if let refusal = JSONDiagnosis.refusal(of: bytes, as: type, error: nil) { throw refusal }
      return message
    } catch let refusal as WireRefusal {
      throw refusal
    } catch {
      throw JSONDiagnosis.refusal(of: bytes, as: type, error: error)
        ?? WireRefusal(400, JSONDiagnosis.conversionFailed + "\(error)")
    }
  }

  /// True if a number follows a name that enums of the API have: swift-protobuf takes it, Mesos does not.
  ///
  /// A quick look that may err on the safe side: it sees `"type":1` inside of what is ignored, too.
  private static func mayHoldNumberedEnum(_ bytes: [UInt8]) -> Bool {
    var index = 0
    while let colon = bytes[index...].firstIndex(of: UInt8(ascii: ":")) {
      index = colon + 1
      guard let first = bytes[index...].first(where: { !isSpace($0) }),
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= first || first == UInt8(ascii: "-")
      else { continue }
      let name = bytes[..<colon].reversed().drop(while: isSpace).prefix(maxEnumName)
      if reversedEnumNames.contains(where: { name.starts(with: $0) }) { return true }
    }
    return false
  }

  private static let reversedEnumNames = ["type", "state", "source", "reason", "mode", "visibility", "protocol"]
    .map { Array("\"\($0)\"".utf8.reversed()) }
  private static let maxEnumName = 16

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || (9...13).contains(byte)
  }
}
