import NIOCore

/// An HTTP/1.1 client on one event loop, to which all its callbacks belong.
public final class HTTPClient {
  public struct Limits: Sendable {
    public var connectTimeout = TimeAmount.seconds(5)
    /// Larger answers fail.
    public var maxBodyBytes = 256 << 20
    /// Larger records of a stream fail it.
    public var maxRecordBytes = 128 << 20
    /// An unused connection is closed after this time, well before our servers would.
    public var idleTimeout = TimeAmount.seconds(60)
    public var connectionsPerEndpoint = 8

    public init() {}
  }

  public let eventLoop: any EventLoop
  private let limits: Limits
  private var queues: [Endpoint: CallQueue] = [:]

  public init(eventLoop: any EventLoop, limits: Limits = Limits()) {
    self.eventLoop = eventLoop
    self.limits = limits
  }

  /// Sends a request over one of several connections that are kept open between requests; the order in which the
  /// server sees requests is not defined. See `CallQueue.send` for the parameters.
  public func send(
    _ request: ClientRequest, timeout: TimeAmount = .seconds(10),
    _ completion: @escaping (Result<Response, HTTPClientError>) -> Void
  ) {
    let queue =
      queues[request.endpoint]
      ?? CallQueue(
        to: request.endpoint, on: eventLoop, limits: limits, maxConnections: limits.connectionsPerEndpoint)
    queues[request.endpoint] = queue
    queue.send(request, timeout: timeout, completion)
  }

  /// A queue of its own to one endpoint, whose server sees the requests in their order.
  public func orderedCalls(to endpoint: Endpoint) -> CallQueue {
    CallQueue(to: endpoint, on: eventLoop, limits: limits, maxConnections: 1)
  }

  /// Sends a request whose answer stays open as a stream of records, over a connection of its own.
  public func subscribe(
    _ request: ClientRequest, answerTimeout: TimeAmount = .seconds(10),
    _ receive: @escaping (Subscription.Event) -> Void
  ) -> Subscription {
    Subscription(request, on: eventLoop, limits: limits, answerTimeout: answerTimeout, receive)
  }
}
