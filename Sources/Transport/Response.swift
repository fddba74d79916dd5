import NIOCore
import NIOHTTP1

/// A whole HTTP answer, sent by the server or received by the client. The server adds `Date`, `Content-Length` and
/// `Connection` by itself.
public struct Response: Sendable {
  public var status: HTTPResponseStatus
  public var headers: HTTPHeaders
  public var body: ByteBuffer

  public init(_ status: HTTPResponseStatus, headers: HTTPHeaders = [:], body: ByteBuffer = ByteBuffer()) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// An answer with a body of the given media type.
  public init(_ status: HTTPResponseStatus = .ok, contentType: String, body: some Sequence<UInt8>) {
    self.init(status, headers: ["Content-Type": contentType], body: ByteBuffer(bytes: body))
  }

  /// The body copied into an array, as decoders want it.
  public var bodyBytes: [UInt8] { Array(body.readableBytesView) }

  /// 202 without a body, the answer to most calls. Protocol fact 14: empty answers have no Content-Type.
  public static var accepted: Response { Response(.accepted) }

  public static func json(_ body: some Sequence<UInt8>) -> Response {
    Response(contentType: "application/json", body: body)
  }

  /// An error with its reason; without one the text is the status itself, `404 Not Found.` (protocol facts 7, 14).
  public static func error(_ status: HTTPResponseStatus, _ reason: String? = nil) -> Response {
    let text = reason ?? "\(status.code) \(status.reasonPhrase)."
    return Response(status, headers: ["Content-Type": "text/plain; charset=utf-8"], body: ByteBuffer(string: text))
  }

  /// Protocol fact 6.
  public static func methodNotAllowed(_ received: HTTPMethod, allowed: [HTTPMethod]) -> Response {
    let names = allowed.map { "'\($0.rawValue)'" }.joined(separator: ", ")
    var response = error(
      .methodNotAllowed,
      "405 Method Not Allowed. Expecting one of { \(names) }, but received '\(received.rawValue)'.")
    response.headers.add(name: "Allow", value: allowed.map(\.rawValue).joined(separator: ", "))
    return response
  }

  /// 307 to `location`, which protocol fact 40 wants as `//host:port/path`.
  public static func temporaryRedirect(to location: String) -> Response {
    Response(.temporaryRedirect, headers: ["Location": location])
  }
}
