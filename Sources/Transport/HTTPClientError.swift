import NIOCore
import NIOHTTP1
import NIOPosix

/// Why a request got no usable answer.
public struct HTTPClientError: Error, CustomStringConvertible {
  public enum Code: Sendable {
    case cannotConnect, timedOut, disconnected, malformedAnswer, answerTooLarge, cancelled
  }

  public let code: Code
  /// Names the request and what went wrong with it.
  public let description: String

  init(_ code: Code, _ request: ClientRequest, _ reason: String) {
    self.code = code
    description = "\(request): \(reason)"
  }

  static func cannotConnect(_ request: ClientRequest, _ error: any Error) -> HTTPClientError {
    HTTPClientError(.cannotConnect, request, "cannot connect: \(describeConnectError(error))")
  }

  static func timedOut(_ request: ClientRequest, after timeout: TimeAmount) -> HTTPClientError {
    HTTPClientError(.timedOut, request, "no answer within \(Double(timeout.nanoseconds) / 1e9) s")
  }

  static func broken(_ request: ClientRequest, _ error: any Error) -> HTTPClientError {
    error is HTTPParserError
      ? HTTPClientError(.malformedAnswer, request, "malformed answer: \(error)")
      : HTTPClientError(.disconnected, request, "connection broke: \(describe(error))")
  }
}

private func describeConnectError(_ error: any Error) -> String {
  if let error = error as? NIOConnectionError {
    if let first = error.connectionErrors.first { return describeConnectError(first.error) }
    return "host name '\(error.host)' cannot be resolved"
  }
  if case ChannelError.connectTimeout(let timeout)? = error as? ChannelError {
    return "no connection within \(Double(timeout.nanoseconds) / 1e9) s"
  }
  return describe(error)
}
