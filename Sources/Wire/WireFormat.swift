import SwiftProtobuf

/// The two encodings of every message of the API, by the names that HTTP headers give them.
public enum WireFormat: String, CaseIterable, Sendable {
  case json = "application/json"
  case protobuf = "application/x-protobuf"

  /// The format of a request body. Protocol fact 8: the type is compared as it stands, so parameters are refused.
  public static func ofRequest(contentType: String?) throws(WireRefusal) -> WireFormat {
    guard let contentType else { throw WireRefusal(400, "Expecting 'Content-Type' to be present") }
    guard let format = WireFormat(rawValue: contentType) else {
      throw WireRefusal(415, "Expecting 'Content-Type' of application/json or application/x-protobuf")
    }
    return format
  }

  /// The format of an answer: JSON if it is acceptable, else protobuf (protocol fact 9).
  public static func ofAnswer(accept: String?) throws(WireRefusal) -> WireFormat {
    let ranges = AcceptedTypes(accept)
    guard let format = allCases.first(where: { ranges.allow($0.rawValue) }) else {
      throw WireRefusal(406, "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'")
    }
    return format
  }

  /// Reads a request body; the refusal has Mesos' text (protocol fact 13).
  public func decode<Body: Message>(_ type: Body.Type, from bytes: [UInt8]) throws(WireRefusal) -> Body {
    switch self {
    case .protobuf:
      do { return try Body(serializedBytes: bytes) } catch {
        throw WireRefusal(400, "Failed to parse body into Call protobuf")
      }
    case .json: return try JSONForm.decode(type, from: bytes)
    }
  }

  /// Writes a message. Required fields that are missing are left out: what we send is complete by construction.
  public func encode(_ message: some Message) -> [UInt8] {
    switch self {
    case .protobuf: (try? message.serializedBytes(partial: true)) ?? []
    case .json: JSONForm.encode(message)
    }
  }
}

/// JSON arrays of messages, which some older endpoints take and give.
extension WireFormat {
  /// Reads an array as the repeated field `field` of `Wrapper`.
  public static func decodeList<Wrapper: Message>(
    _ field: String, of wrapper: Wrapper.Type, from bytes: [UInt8]
  ) throws(WireRefusal) -> Wrapper {
    do { return try json.decode(wrapper, from: Array("{\"\(field)\":".utf8) + bytes + Array("}".utf8)) } catch {
      throw JSONDiagnosis.refusal(ofList: bytes) ?? error
    }
  }

  public static func encodeList(_ messages: [some Message]) -> [UInt8] {
    Array("[".utf8) + messages.map(json.encode).joined(separator: Array(",".utf8)) + Array("]".utf8)
  }
}

/// A status and its text for a request that cannot be taken.
public struct WireRefusal: Error, Equatable, Sendable {
  public let status: Int
  public let text: String

  public init(_ status: Int, _ text: String) {
    self.status = status
    self.text = text
  }

  /// The body is not even JSON.
  public var isOfSyntax: Bool { text.hasPrefix(JSONDiagnosis.parseFailed) }

  /// As endpoints that are not of an API of calls say it: what is wrong with the JSON and no more.
  public var bareText: String {
    let prefix = [JSONDiagnosis.parseFailed, JSONDiagnosis.conversionFailed].first { text.hasPrefix($0) } ?? ""
    return String(text.dropFirst(prefix.count))
  }
}
