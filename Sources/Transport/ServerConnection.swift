import NIOCore
import NIOHTTP1

/// One connection of a client: makes whole requests of the parts that NIO's parser delivers, and parts of answers.
///
/// NIO's pipelining handler in front lets one request at a time through, so answers keep the order of requests.
final class ServerConnection: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  /// What the connections of one server have in common.
  final class Shared {
    let router: Router
    let limits: HTTPServer.Limits
    var date = HTTPDate()

    init(router: Router, limits: HTTPServer.Limits) {
      self.router = router
      self.limits = limits
    }
  }

  private enum State {
    case waitingForHead
    case receivingBody(HTTPRequestHead)
    case answering(HTTPRequestHead)
    case streaming(HTTPStream)
    case sendingBody(HTTPRequestHead)
    /// All is said; what still comes in is thrown away until the peer has read the answer, or time is up.
    case ending
    case closed
  }

  let eventLoop: any EventLoop
  private let channel: any Channel
  private let shared: Shared
  private var state = State.waitingForHead
  private var body = ByteBuffer()
  private var requestNumber: UInt64 = 0
  private var context: ChannelHandlerContext?
  /// True while the end of an answer is written. NIO delivers a pipelined request from within that write; answering it
  /// there too would take a stack as deep as the peer's pipeline is long.
  private var isEnding = false
  /// When the peer must have sent what it owes. Checked every `watchInterval`, which is cheaper than a timer a request.
  private var deadline = NIODeadline.distantFuture
  private var watch: Scheduled<Void>?
  /// Pieces under way that the peer must take in time.
  private var timedPieces = 0

  init(_ shared: Shared, channel: any Channel) {
    self.shared = shared
    self.channel = channel
    eventLoop = channel.eventLoop
  }

  // MARK: Events of the channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    deadline = .now() + shared.limits.headTimeout
    scheduleWatch()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  func channelInactive(context: ChannelHandlerContext) {
    let last = state
    state = .closed
    watch?.cancel()
    body = ByteBuffer()
    if case .streaming(let stream) = last { stream.peerClosed() }
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch (unwrapInboundIn(data), state) {
    case (.head(let head), .waitingForHead): receive(head)
    case (.body(let part), .receivingBody(let head)): receive(part, of: head)
    case (.end, .receivingBody(let head)) where isEnding:
      eventLoop.assumeIsolated().execute { [self] in
        if case .receivingBody = state { dispatch(head) }
      }
    case (.end, .receivingBody(let head)): dispatch(head)
    case (.end, .ending): context.close(promise: nil)
    default: break
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch (error, state) {
    case (is HTTPParserError, .waitingForHead), (is HTTPParserError, .receivingBody):
      refuse(.error(.badRequest, "malformed HTTP request: \(error)"))
    default: context.close(promise: nil)
    }
  }

  // MARK: Requests

  private func receive(_ head: HTTPRequestHead) {
    state = .receivingBody(head)
    deadline = .now() + shared.limits.bodyTimeout
    if let length = head.headers.first(name: "Content-Length").flatMap(Int.init), length > shared.limits.maxBodyBytes {
      refuse(tooLarge)
    } else if head.headers.first(name: "Expect")?.lowercased() == "100-continue" {
      write(.head(HTTPResponseHead(version: .http1_1, status: .continue)))
      context?.flush()
    }
  }

  private func receive(_ part: ByteBuffer, of head: HTTPRequestHead) {
    guard body.readableBytes + part.readableBytes <= shared.limits.maxBodyBytes else { return refuse(tooLarge) }
    deadline = .now() + shared.limits.bodyTimeout
    var part = part
    if body.readableBytes == 0 { body = part } else { body.writeBuffer(&part) }
  }

  private var tooLarge: Response {
    .error(.payloadTooLarge, "request body is larger than the limit of \(shared.limits.maxBodyBytes) bytes")
  }

  private func dispatch(_ head: HTTPRequestHead) {
    requestNumber += 1
    state = .answering(head)
    deadline = .distantFuture
    let responder = Responder(connection: self, requestNumber: requestNumber)
    let body = self.body
    self.body = ByteBuffer()
    guard let target = RequestTarget(head.uri) else {
      responder.respond(.error(.badRequest, "request target '\(head.uri)' is not a valid path"))
      return
    }
    let peer = channel.remoteAddress.map { "\($0.ipAddress ?? ""):\($0.port ?? 0)" } ?? ""
    let request = Request(
      method: head.method, path: target.path, query: target.query, headers: head.headers, body: body,
      remoteAddress: peer)
    shared.router.handle(request, responder)
  }

  // MARK: Answers

  func respond(_ response: Response, to number: UInt64) {
    guard number == requestNumber, case .answering(let head) = state else { return }
    if head.isKeepAlive {
      state = .waitingForHead
      deadline = .now() + shared.limits.idleTimeout
      write(response, isHead: head.method == .HEAD, keepAlive: head.version == .http1_0 ? "keep-alive" : nil)
      context?.flush()
    } else {
      state = .ending
      deadline = .now() + shared.limits.bodyTimeout
      let written = eventLoop.makePromise(of: Void.self)
      write(response, isHead: head.method == .HEAD, keepAlive: "close", written)
      closeAfter(written)
    }
  }

  /// Answers a request that cannot be taken whole and gives up the connection. Only our side is closed at first and the
  /// rest of the request still read: closing with unread bytes would make the kernel reset the connection and the
  /// answer be lost.
  private func refuse(_ response: Response) {
    state = .ending
    deadline = .now() + shared.limits.bodyTimeout
    body = ByteBuffer()
    let written = eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenSuccess { [self] _ in context?.close(mode: .output, promise: nil) }
    write(response, isHead: false, keepAlive: "close", written)
    context?.flush()
  }

  private func write(_ response: Response, isHead: Bool, keepAlive: String?, _ written: EventLoopPromise<Void>? = nil) {
    var head = HTTPResponseHead(version: .http1_1, status: response.status)
    head.headers.reserveCapacity(response.headers.count + 3)
    head.headers.add(name: "Date", value: shared.date.now())
    head.headers.add(contentsOf: response.headers)
    head.headers.replaceOrAdd(name: "Content-Length", value: String(response.body.readableBytes))
    if let keepAlive { head.headers.replaceOrAdd(name: "Connection", value: keepAlive) }
    write(.head(head))
    if !isHead, response.body.readableBytes > 0 { write(.body(.byteBuffer(response.body))) }
    isEnding = true
    write(.end(nil), written)
    isEnding = false
  }

  private func write(_ part: HTTPServerResponsePart, _ written: EventLoopPromise<Void>? = nil) {
    guard let context else {
      written?.fail(ChannelError.alreadyClosed)
      return
    }
    context.write(wrapOutboundOut(part), promise: written)
  }

  private func closeAfter(_ written: EventLoopPromise<Void>) {
    written.futureResult.assumeIsolated().whenComplete { [self] _ in context?.close(promise: nil) }
    context?.flush()
  }

  // MARK: Bodies in pieces

  func startBody(_ status: HTTPResponseStatus, headers: HTTPHeaders, answering number: UInt64) {
    guard number == requestNumber, case .answering(let request) = state else { return }
    state = .sendingBody(request)
    // NIO adds the chunked encoding, but not for a client of HTTP/1.0, which reads until the connection is closed.
    var head = HTTPResponseHead(version: request.version, status: status)
    head.headers.add(name: "Date", value: shared.date.now())
    head.headers.add(contentsOf: headers)
    if !request.isKeepAlive || request.version == .http1_0 { head.headers.add(name: "Connection", value: "close") }
    write(.head(head))
  }

  /// - Returns: completed when the socket has taken the piece; failed when the peer is gone or too slow.
  func sendPiece(_ piece: ByteBuffer, answering number: UInt64) -> EventLoopFuture<Void> {
    guard number == requestNumber, case .sendingBody = state else {
      return eventLoop.makeFailedFuture(ChannelError.alreadyClosed)
    }
    return sendTimed(piece) { [self] in
      if case .sendingBody = state { number == requestNumber } else { false }
    }
  }

  /// The peer must take it in time, counted from the last one that it took.
  private func sendTimed(_ piece: ByteBuffer, while isSending: @escaping () -> Bool) -> EventLoopFuture<Void> {
    if deadline == .distantFuture { deadline = .now() + shared.limits.pieceTimeout }
    timedPieces += 1
    let written = eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenComplete { [self] _ in
      timedPieces -= 1
      guard isSending() else { return }
      deadline = timedPieces > 0 ? .now() + shared.limits.pieceTimeout : .distantFuture
    }
    write(.body(.byteBuffer(piece)), written)
    context?.flush()
    return written.futureResult
  }

  func endBody(answering number: UInt64) {
    guard number == requestNumber, case .sendingBody(let request) = state else { return }
    guard request.isKeepAlive, request.version != .http1_0 else { return endAndClose() }
    state = .waitingForHead
    deadline = .now() + shared.limits.idleTimeout
    isEnding = true
    write(.end(nil))
    isEnding = false
    context?.flush()
  }

  func abortBody(answering number: UInt64) {
    guard number == requestNumber, case .sendingBody = state else { return }
    abort()
  }

  // MARK: Streams

  func startStream(headers: HTTPHeaders, maxQueuedBytes: Int?, answering number: UInt64) -> HTTPStream {
    guard number == requestNumber, case .answering(let request) = state else {
      return HTTPStream(connection: nil, eventLoop: eventLoop, maxQueuedBytes: 0)
    }
    let stream = HTTPStream(
      connection: self, eventLoop: eventLoop, maxQueuedBytes: maxQueuedBytes ?? shared.limits.maxQueuedBytes)
    state = .streaming(stream)
    // NIO adds the chunked encoding, but not for a client of HTTP/1.0, which reads until the connection is closed.
    var head = HTTPResponseHead(version: request.version, status: .ok)
    head.headers.add(name: "Date", value: shared.date.now())
    head.headers.add(contentsOf: headers)
    write(.head(head))
    context?.flush()
    return stream
  }

  /// Bytes that the socket has not taken yet.
  var queuedBytes: Int { (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0 }

  func sendChunk(_ bytes: ByteBuffer) {
    write(.body(.byteBuffer(bytes)))
    context?.flush()
  }

  func sendPart(_ part: ByteBuffer) -> EventLoopFuture<Void> {
    sendTimed(part) { [self] in if case .streaming = state { true } else { false } }
  }

  func endStream() {
    guard case .streaming = state else { return }
    endAndClose()
  }

  private func endAndClose() {
    state = .ending
    deadline = .now() + shared.limits.bodyTimeout
    let written = eventLoop.makePromise(of: Void.self)
    write(.end(nil), written)
    closeAfter(written)
  }

  /// Closes without waiting for what is queued.
  func abort() {
    state = .ending
    context?.close(promise: nil)
  }

  // MARK: Slow peers

  private func scheduleWatch() {
    let limits = shared.limits
    let interval = min(limits.headTimeout, limits.bodyTimeout, limits.idleTimeout)
    watch = eventLoop.assumeIsolated().scheduleTask(in: interval) { [weak self] in self?.checkDeadline() }
  }

  private func checkDeadline() {
    guard NIODeadline.now() >= deadline else { return scheduleWatch() }
    if case .receivingBody = state {
      refuse(.error(.requestTimeout, "request body did not arrive in time"))
      scheduleWatch()
    } else {
      context?.close(promise: nil)
    }
  }
}
