import NIOCore
import NIOHTTP1

/// The client's end of a stream of records. Belongs to the client's event loop.
public final class Subscription {
  public enum Event: Sendable {
    /// The server answered 200; records follow.
    case opened(HTTPHeaders)
    case record([UInt8])
    /// The last event, unless `close()` came before it.
    case closed(CloseReason)
  }

  public enum CloseReason: Sendable, CustomStringConvertible {
    /// The server ended the stream in good order.
    case ended
    /// The server answered with another status than 200.
    case refused(Response)
    case failed(HTTPClientError)

    public var description: String {
      switch self {
      case .ended: "the server ended the stream"
      case .refused(let response):
        "the server answered \(response.status.code): \(String(buffer: response.body))"
      case .failed(let error): error.description
      }
    }
  }

  /// Of a refusal only so much is kept.
  private static let maxRefusalBytes = 64 << 10

  private let request: ClientRequest
  private var receive: ((Event) -> Void)?
  private var connection: ClientConnection?
  private var decoder: RecordIO.Decoder
  private var refusal: Response?
  private let answerTimer: LoopTimer

  init(
    _ request: ClientRequest, on eventLoop: any EventLoop, limits: HTTPClient.Limits, answerTimeout: TimeAmount,
    _ receive: @escaping (Event) -> Void
  ) {
    self.request = request
    self.receive = receive
    decoder = RecordIO.Decoder(maxRecordBytes: limits.maxRecordBytes)
    answerTimer = LoopTimer(on: eventLoop)
    answerTimer.set(in: limits.connectTimeout + answerTimeout) { [weak self] in
      self?.finish(.failed(.timedOut(request, after: limits.connectTimeout + answerTimeout)))
    }
    ClientConnection.connect(to: request.endpoint, on: eventLoop, timeout: limits.connectTimeout) { result in
      switch result {
      case .success(let connection): self.connected(connection)
      case .failure(let error): self.finish(.failed(.cannotConnect(request, error)))
      }
    }
  }

  /// Closes the connection; no event follows.
  public func close() {
    receive = nil
    answerTimer.cancel()
    connection?.close()
    connection = nil
  }

  private func connected(_ connection: ClientConnection) {
    guard receive != nil else { return connection.close() }
    self.connection = connection
    connection.start(Exchange(request) { [self] event in handle(event) })
  }

  private func handle(_ event: Exchange.Event) {
    switch event {
    case .head(let head):
      answerTimer.cancel()
      if head.status == .ok {
        receive?(.opened(head.headers))
      } else {
        refusal = Response(head.status, headers: head.headers)
      }
    case .body(let bytes): handle(bytes)
    case .end: finish(endReason)
    case .failed(let error): finish(.failed(error))
    }
  }

  private func handle(_ bytes: ByteBuffer) {
    if let size = refusal?.body.readableBytes {
      var bytes = bytes
      bytes = bytes.readSlice(length: min(bytes.readableBytes, Self.maxRefusalBytes - size)) ?? ByteBuffer()
      refusal?.body.writeBuffer(&bytes)
      return
    }
    decoder.append(bytes)
    do {
      // The receiver may close in between.
      while receive != nil, let record = try decoder.next() { receive?(.record(record)) }
    } catch {
      finish(.failed(HTTPClientError(.malformedAnswer, request, error.description)))
    }
  }

  private var endReason: CloseReason {
    if let refusal { return .refused(refusal) }
    if decoder.isAtBorder { return .ended }
    return .failed(HTTPClientError(.disconnected, request, "the stream ended in the middle of a record"))
  }

  private func finish(_ reason: CloseReason) {
    let receive = self.receive
    close()
    receive?(.closed(reason))
  }
}
