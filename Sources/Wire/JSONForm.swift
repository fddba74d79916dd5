import SwiftProtobuf

/// Mesos' JSON mapping of messages (protocol facts 126 to 134), on top of swift-protobuf's: names as in the .proto, 64-bit
/// integers as numbers, unknown fields ignored.
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

  static func encode(_ message: some Message) -> [UInt8] {
    (try? message.jsonUTF8Bytes(options: encoding)) ?? []
  }

  static func decode<Body: Message>(_ type: Body.Type, from bytes: [UInt8]) throws(WireRefusal) -> Body {
    let message: Body
    do { message = try Body(jsonUTF8Bytes: bytes, options: decoding) } catch {
      throw WireRefusal(400, "Failed to parse body into JSON: \(error)")
    }
    guard message.isInitialized else {
      throw WireRefusal(400, "Failed to convert JSON into Call protobuf: Missing required fields")
    }
    return message
  }
}
