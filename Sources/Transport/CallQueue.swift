import NIOCore

/// Requests to one endpoint over at most so many connections, started in the order in which they were given.
///
/// With one connection a request is sent only when the one before it is answered, so the server sees them in order.
public final class CallQueue {
  private let endpoint: Endpoint
  private let eventLoop: any EventLoop
  private let limits: HTTPClient.Limits
  private let maxConnections: Int
  private var waiting = CircularBuffer<Exchange>()
  private var idle: [ClientConnection] = []
  /// All connections, those being made included.
  private var connectionCount = 0
  private var open: [ObjectIdentifier: ClientConnection] = [:]

  init(to endpoint: Endpoint, on eventLoop: any EventLoop, limits: HTTPClient.Limits, maxConnections: Int) {
    self.endpoint = endpoint
    self.eventLoop = eventLoop
    self.limits = limits
    self.maxConnections = maxConnections
  }

  /// Sends `request`, whose endpoint must be the queue's.
  ///
  /// - Parameters:
  ///   - timeout: from now, waiting in the queue included.
  ///   - completion: called once, on the event loop. An answer of any status is a success.
  public func send(
    _ request: ClientRequest, timeout: TimeAmount = .seconds(10),
    _ completion: @escaping (Result<Response, HTTPClientError>) -> Void
  ) {
    precondition(request.endpoint == endpoint, "\(request) is not for \(endpoint)")
    var answer: Response?
    var timer: Scheduled<Void>?
    let maxBytes = limits.maxBodyBytes
    weak var current: Exchange?
    let exchange = Exchange(request) { event in
      switch event {
      case .head(let head): answer = Response(head.status, headers: head.headers)
      case .body(var bytes):
        answer?.body.writeBuffer(&bytes)
        if let size = answer?.body.readableBytes, size > maxBytes {
          current?.deliver(
            .failed(HTTPClientError(.answerTooLarge, request, "the answer is larger than \(maxBytes) bytes")))
          current?.connection?.close()
        }
      case .end:
        timer?.cancel()
        if let answer { completion(.success(answer)) }
      case .failed(let error):
        timer?.cancel()
        completion(.failure(error))
      }
    }
    current = exchange
    timer = eventLoop.assumeIsolated().scheduleTask(in: timeout) { [weak self] in
      exchange.deliver(.failed(.timedOut(request, after: timeout)))
      // A connection whose answer may still come cannot take another request.
      exchange.connection?.close()
      self?.waiting.removeAll { $0 === exchange }
    }
    waiting.append(exchange)
    startWaiting()
  }

  /// Gives up all requests and closes all connections.
  public func cancel() {
    let cancelled = waiting
    waiting.removeAll()
    for connection in open.values { connection.close() }
    for exchange in cancelled {
      exchange.deliver(.failed(HTTPClientError(.cancelled, exchange.request, "given up")))
    }
  }

  private func startWaiting() {
    while let next = waiting.first {
      if let connection = idle.popLast() {
        waiting.removeFirst()
        connection.start(next)
      } else {
        if connectionCount < maxConnections, connectionCount - open.count < waiting.count { connect() }
        return
      }
    }
  }

  private func connect() {
    connectionCount += 1
    ClientConnection.connect(to: endpoint, on: eventLoop, timeout: limits.connectTimeout) { [weak self] result in
      switch result {
      case .success(let connection): self?.connected(connection) ?? connection.close()
      case .failure(let error): self?.connectFailed(error)
      }
    }
  }

  private func connected(_ connection: ClientConnection) {
    open[ObjectIdentifier(connection)] = connection
    connection.onIdle = { [weak self] in self?.becameIdle($0) }
    connection.onClosed = { [weak self] in self?.closed($0) }
    connection.closeWhenIdle(for: limits.idleTimeout)
    becameIdle(connection)
  }

  private func connectFailed(_ error: any Error) {
    connectionCount -= 1
    let failed = waiting.popFirst()
    startWaiting()
    failed.map { $0.deliver(.failed(.cannotConnect($0.request, error))) }
  }

  private func becameIdle(_ connection: ClientConnection) {
    idle.append(connection)
    startWaiting()
  }

  private func closed(_ connection: ClientConnection) {
    idle.removeAll { $0 === connection }
    open[ObjectIdentifier(connection)] = nil
    connectionCount -= 1
    startWaiting()
  }
}
