import NIOCore
import NIOHTTP1

/// One whole HTTP request as a handler sees it.
public struct Request: Sendable {
  public let method: HTTPMethod
  /// Percent-decoded, without trailing slashes and without the process name in front: `/api/v1/scheduler`.
  /// The root is `/`.
  public internal(set) var path: String
  /// Decoded query parameters; of a repeated name the last one counts.
  public let query: [String: String]
  public let headers: HTTPHeaders
  public let body: ByteBuffer
  /// `ip:port` of the peer; empty if the peer was gone before it could be asked.
  public let remoteAddress: String

  public init(
    method: HTTPMethod, path: String, query: [String: String] = [:], headers: HTTPHeaders = [:],
    body: ByteBuffer = ByteBuffer(), remoteAddress: String = ""
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.headers = headers
    self.body = body
    self.remoteAddress = remoteAddress
  }

  /// The body copied into an array, as decoders want it.
  public var bodyBytes: [UInt8] { Array(body.readableBytesView) }

  /// The fields of a body that is a form, decoded; nil when a percent escape in it is broken.
  public var formFields: [String: String]? {
    RequestTarget.fields(String(decoding: body.readableBytesView, as: UTF8.self)[...])
  }
}
