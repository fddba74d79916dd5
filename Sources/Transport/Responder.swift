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
  ///
  /// - Parameter maxQueuedBytes: may wait for a peer that does not read, if not what the server allows.
  public func startStream(headers: HTTPHeaders, maxQueuedBytes: Int? = nil) -> HTTPStream {
    connection.startStream(headers: headers, maxQueuedBytes: maxQueuedBytes, answering: requestNumber)
  }

  /// Answers with a body that comes in pieces, for what is too large to be held as a whole: `send` follows, as often as
  /// needed, then `endBody`. It is chunked unless the headers have its length; for HEAD they must, and nothing is sent.
  public func startBody(_ status: HTTPResponseStatus = .ok, headers: HTTPHeaders) {
    connection.startBody(status, headers: headers, answering: requestNumber)
  }

  /// Sends a piece of the body. Completed when the socket has taken it, which is the time to send more; failed when the
  /// peer is gone or did not read for too long.
  public func send(_ piece: ByteBuffer) -> EventLoopFuture<Void> {
    connection.sendPiece(piece, answering: requestNumber)
  }

  public func endBody() {
    connection.endBody(answering: requestNumber)
  }

  /// Gives up a body that was begun and cannot be completed: the peer sees the connection break.
  public func abortBody() {
    connection.abortBody(answering: requestNumber)
  }
}
