import NIOCore

/// `HTTPClient` for code that may wait: command lines and tests. Usable from any task.
public struct AsyncHTTPClient: Sendable {
  private let client: NIOLoopBoundBox<HTTPClient?>

  public init(eventLoop: any EventLoop, limits: HTTPClient.Limits = HTTPClient.Limits()) {
    let client = NIOLoopBoundBox<HTTPClient?>.makeEmptyBox(eventLoop: eventLoop)
    self.client = client
    eventLoop.execute { client.value = HTTPClient(eventLoop: eventLoop, limits: limits) }
  }

  /// Sends `request` and waits for the whole answer, of whatever status.
  public func send(_ request: ClientRequest, timeout: TimeAmount = .seconds(10)) async throws -> Response {
    try await withCheckedThrowingContinuation { continuation in
      client.eventLoop.execute {
        client.value?.send(request, timeout: timeout) { continuation.resume(with: $0) }
      }
    }
  }

  /// Sends `request`, whose answer stays open as a stream of records.
  public func subscribe(_ request: ClientRequest) -> AsyncSubscription {
    AsyncSubscription(request, client)
  }
}

/// `Subscription` for code that may wait: the sequence of its events. Closes the connection when closed or dropped.
public final class AsyncSubscription: AsyncSequence, Sendable {
  public typealias Element = Subscription.Event

  private let events: AsyncStream<Subscription.Event>
  private let continuation: AsyncStream<Subscription.Event>.Continuation
  private let subscription: NIOLoopBoundBox<Subscription?>

  fileprivate init(_ request: ClientRequest, _ client: NIOLoopBoundBox<HTTPClient?>) {
    let (events, continuation) = AsyncStream.makeStream(of: Subscription.Event.self)
    let subscription = NIOLoopBoundBox<Subscription?>.makeEmptyBox(eventLoop: client.eventLoop)
    self.events = events
    self.continuation = continuation
    self.subscription = subscription
    client.eventLoop.execute {
      subscription.value = client.value?.subscribe(request) { event in
        continuation.yield(event)
        if case .closed = event { continuation.finish() }
      }
    }
  }

  deinit { close() }

  /// Ends the sequence.
  public func close() {
    continuation.finish()
    subscription.eventLoop.execute { [subscription] in subscription.value?.close() }
  }

  public struct AsyncIterator: AsyncIteratorProtocol {
    /// Held so that the connection lives as long as somebody listens.
    fileprivate let subscription: AsyncSubscription
    fileprivate var events: AsyncStream<Subscription.Event>.AsyncIterator

    public mutating func next() async -> Subscription.Event? { await events.next() }
  }

  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(subscription: self, events: events.makeAsyncIterator())
  }
}
