import NIOCore
import NIOHTTP1

/// What a client asks of a server. `Host` and `Content-Length` are added when it is sent.
public struct ClientRequest: Sendable, CustomStringConvertible {
  public var method: HTTPMethod
  public var endpoint: Endpoint
  /// Path and query as they go on the wire, escaped where needed.
  public var target: String
  public var headers: HTTPHeaders
  public var body: ByteBuffer

  public init(
    _ method: HTTPMethod, _ endpoint: Endpoint, _ target: String, headers: HTTPHeaders = [:],
    body: some Sequence<UInt8> = []
  ) {
    self.method = method
    self.endpoint = endpoint
    self.target = target
    self.headers = headers
    self.body = ByteBuffer(bytes: body)
  }

  /// As it appears in errors: `POST http://10.0.0.1:5050/api/v1/scheduler`.
  public var description: String { "\(method.rawValue) http://\(endpoint)\(target)" }

  /// Escapes whatever may not stand in a query's name or value.
  public static func queryEscaped(_ text: String) -> String {
    escaped(text) { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "~"), UInt8(ascii: "/"):
        true
      default: false
      }
    }
  }

  /// Escapes in a path and query what would end the request line, or is none of ASCII.
  static func targetEscaped(_ text: String) -> String { escaped(text) { $0 > 0x20 && $0 < 0x7f } }

  private static func escaped(_ text: String, unless isPlain: (UInt8) -> Bool) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var escaped: [UInt8] = []
    for byte in text.utf8 {
      escaped += isPlain(byte) ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
    return String(decoding: escaped, as: UTF8.self)
  }
}
