import NIOCore
import NIOHTTP1

/// The one chance to answer a request: `respond` or `startStream`, once. Whatever follows the first answer, or comes
/// after the peer has gone, has no effect.
///
/// Belongs to the server's event loop. To answer from elsewhere, carry it in a `NIOLoopBound`.
public struct Responder {
  let connection: ServerConnection
  let requestNumber: UInt64

  public var eventLoop: any EventLoop { connection.eventLoop }

  public func respond(_ response: Response) {
    connection.respond(response, to: requestNumber)
  }

  /// Answers 200 with a body that stays open until one side closes it, chunked and without Content-Length (protocol
  /// fact 17), even for a client that sent `Connection: close` (fact 18).
  ///
  /// If the peer has gone already the stream is closed from the start and says so through `onClose`.
  public func startStream(headers: HTTPHeaders) -> HTTPStream {
    connection.startStream(headers: headers, answering: requestNumber)
  }
}
