import NIOCore
import NIOHTTP1
import NIOPosix

/// One request on its way, and what comes back for it.
final class Exchange {
  enum Event {
    case head(HTTPResponseHead)
    case body(ByteBuffer)
    case end
    case failed(HTTPClientError)
  }

  let request: ClientRequest
  /// Called until the first `end` or `failed`.
  private let receive: (Event) -> Void
  private(set) var isOver = false
  /// The connection that works on it; nil while it waits for one.
  weak var connection: ClientConnection?

  init(_ request: ClientRequest, _ receive: @escaping (Event) -> Void) {
    self.request = request
    self.receive = receive
  }

  func deliver(_ event: Event) {
    guard !isOver else { return }
    switch event {
    case .end, .failed: isOver = true
    case .head, .body: break
    }
    receive(event)
  }
}

/// One connection to a server: one exchange at a time.
final class ClientConnection: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  private let channel: any Channel
  private var exchange: Exchange?
  private var idleSince = NIODeadline.now()
  private var keepAlive = true
  private var brokenBy: (any Error)?
  /// Called after each exchange that leaves the connection usable.
  var onIdle: ((ClientConnection) -> Void)?
  /// Called once, when the connection is gone.
  var onClosed: ((ClientConnection) -> Void)?

  private init(channel: any Channel) {
    self.channel = channel
  }

  /// Connects on `eventLoop`; host names are resolved.
  ///
  /// - Parameter began: is given what is about to connect.
  static func connect(
    to endpoint: Endpoint, on eventLoop: any EventLoop, timeout: TimeAmount, by way: Probe.Way? = nil,
    began: @escaping @Sendable (any Channel) -> Void = { _ in },
    _ completion: @escaping (Result<ClientConnection, any Error>) -> Void
  ) {
    let bootstrap = ClientBootstrap(group: eventLoop)
      .connectTimeout(timeout)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelInitializer { channel in
        began(channel)
        return channel.eventLoop.makeCompletedFuture {
          try TCPKeepalive.enable(on: channel)
          try channel.pipeline.syncOperations.addHTTPClientHandlers()
          try channel.pipeline.syncOperations.addHandler(ClientConnection(channel: channel))
        }
      }
    bootstrap.channel(to: endpoint, on: eventLoop, by: way).assumeIsolated()
      .flatMapThrowing { try $0.pipeline.syncOperations.handler(type: ClientConnection.self) }
      .whenComplete(completion)
  }

  var isActive: Bool { channel.isActive }

  func start(_ exchange: Exchange) {
    precondition(self.exchange == nil, "the connection is busy")
    self.exchange = exchange
    exchange.connection = self
    let request = exchange.request
    var head = HTTPRequestHead(version: .http1_1, method: request.method, uri: request.target, headers: request.headers)
    if !head.headers.contains(name: "Host") { head.headers.add(name: "Host", value: request.endpoint.description) }
    if request.body.readableBytes > 0 || request.method == .POST {
      head.headers.replaceOrAdd(name: "Content-Length", value: String(request.body.readableBytes))
    }
    channel.pipeline.syncOperations.write(NIOAny(HTTPClientRequestPart.head(head)), promise: nil)
    if request.body.readableBytes > 0 {
      channel.pipeline.syncOperations.write(NIOAny(HTTPClientRequestPart.body(.byteBuffer(request.body))), promise: nil)
    }
    channel.pipeline.syncOperations.writeAndFlush(NIOAny(HTTPClientRequestPart.end(nil)), promise: nil)
  }

  func close() { channel.close(promise: nil) }

  /// Closes the connection as soon as it has been idle that long.
  func closeWhenIdle(for timeout: TimeAmount) {
    let lastUse = exchange == nil ? idleSince : .now()
    channel.eventLoop.assumeIsolated().scheduleTask(deadline: lastUse + timeout) { [weak self] in
      guard let self, isActive else { return }
      if exchange == nil, idleSince + timeout <= .now() { close() } else { closeWhenIdle(for: timeout) }
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard let exchange else { return context.close(promise: nil) }
    switch unwrapInboundIn(data) {
    case .head(let head):
      keepAlive = head.isKeepAlive
      exchange.deliver(.head(head))
    case .body(let bytes): exchange.deliver(.body(bytes))
    case .end: finish(exchange)
    }
  }

  private func finish(_ exchange: Exchange) {
    self.exchange = nil
    idleSince = .now()
    // First the connection, so that a request made by whoever gets the answer finds it free.
    if keepAlive && channel.isActive { onIdle?(self) } else { channel.close(promise: nil) }
    exchange.deliver(.end)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    brokenBy = error
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    let failed = exchange
    exchange = nil
    onClosed?(self)
    onIdle = nil
    onClosed = nil
    guard let failed else { return }
    let error =
      brokenBy.map { HTTPClientError.broken(failed.request, $0) }
      ?? HTTPClientError(.disconnected, failed.request, "the server closed the connection before it had answered")
    failed.deliver(.failed(error))
  }
}

extension ClientBootstrap {
  /// Host names are resolved.
  func channel(to endpoint: Endpoint, on eventLoop: any EventLoop, by way: Probe.Way?) -> EventLoopFuture<any Channel> {
    if let way {
      let promise = eventLoop.makePromise(of: CInt.self)
      way(endpoint) { promise.completeWith($0) }
      return promise.futureResult.assumeIsolated().flatMap { self.withConnectedSocket($0) }.nonisolated()
    }
    if let address = try? SocketAddress(ipAddress: endpoint.host, port: endpoint.port) { return connect(to: address) }
    return connect(host: endpoint.host, port: endpoint.port)
  }
}
