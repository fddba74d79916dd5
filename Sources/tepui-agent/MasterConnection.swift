import AgentCore
import Logging
import NIOCore
import NIOHTTP1
import Transport
import Wire

/// The agent's end of the link to the master: a stream of events, and calls by POST, one in flight, in order.
///
/// It connects again by itself whenever the link breaks. Belongs to the event loop.
final class MasterConnection {
  private static let path = "/api/tepui/v1/agent"
  private static let longestBackoffNs: Int64 = 60_000_000_000
  private static let maxRedirects = 3
  /// So that a batch stays a small request.
  private static let maxCallsPerPost = 1000

  private let http: HTTPClient
  private let feed: (AgentInput) -> Void
  private let log: Logger
  private let configured: Endpoint
  private let backoffFactorNs: Int64

  private var endpoint: Endpoint
  private var redirects = 0
  private var backoffNs: Int64
  private var subscription: Subscription?
  private var calls: CallQueue?
  private var pending: [AgentCall] = []
  private var isPosting = false
  private var isFinishing = false
  private var whenIdle: (() -> Void)?
  /// Tells answers that belong to a link that is no more.
  private var generation = 0

  /// - Parameters:
  ///   - backoffFactorNs: the longest wait before the first attempt to connect again.
  ///   - feed: takes what comes of the link, on the loop.
  init(to master: Endpoint, backoffFactorNs: Int64, on loop: any EventLoop, feed: @escaping (AgentInput) -> Void) {
    http = HTTPClient(eventLoop: loop)
    self.feed = feed
    log = Logger(label: "master link")
    configured = master
    endpoint = master
    self.backoffFactorNs = max(1_000_000, backoffFactorNs)
    backoffNs = self.backoffFactorNs
  }

  /// The core answers with the call that `subscribe` sends.
  func connect(afterNs wait: Int64) {
    http.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(wait)) { [self] in feed(.connectingToMaster) }
  }

  func subscribe(_ call: AgentCall) {
    generation += 1
    let current = generation
    pending = []
    isPosting = false
    calls = http.orderedCalls(to: endpoint)
    subscription = http.subscribe(post([call])) { [self] event in
      guard current == generation else { return }
      switch event {
      case .opened: log.info("Connected to the master at \(endpoint)")
      case .record(let bytes): received(bytes)
      case .closed(let reason): closed(reason)
      }
    }
  }

  func send(_ call: AgentCall) {
    pending.append(call)
    guard !isPosting else { return }
    // What else this turn has to say goes along.
    isPosting = true
    let current = generation
    http.eventLoop.assumeIsolated().execute { [self] in
      if current == generation { postPending() }
    }
  }

  /// Calls `done` when all calls are answered, or when time is up. Nothing is connected again.
  func finish(within limit: TimeAmount, _ done: @escaping () -> Void) {
    isFinishing = true
    guard isPosting else { return done() }
    let timer = LoopTimer(on: http.eventLoop)
    timer.set(in: limit) { [self] in
      whenIdle = nil
      done()
    }
    whenIdle = {
      timer.cancel()
      done()
    }
  }

  /// Gives up the link and makes a new one.
  func drop(_ reason: String) {
    guard subscription != nil else { return }
    log.warning("Connecting again to the master at \(endpoint): \(reason)")
    reconnect()
  }

  private func post(_ calls: [AgentCall]) -> ClientRequest {
    let headers: HTTPHeaders = ["Content-Type": WireFormat.protobuf.rawValue, "Accept": WireFormat.protobuf.rawValue]
    let body = WireFormat.protobuf.encode(AgentCalls.with { $0.calls = calls })
    return ClientRequest(.POST, endpoint, Self.path, headers: headers, body: body)
  }

  private func postPending() {
    guard !pending.isEmpty, let calls else {
      isPosting = false
      becameIdle()
      return
    }
    let batch = Array(pending.prefix(Self.maxCallsPerPost))
    pending.removeFirst(batch.count)
    let current = generation
    calls.send(post(batch)) { [self] result in
      guard current == generation else { return }
      switch result {
      case .success(let response) where response.status == .accepted || response.status == .ok: postPending()
      case .success(let response):
        drop("it answered a call with \(response.status.code): \(String(buffer: response.body))")
      case .failure(let error): drop("\(error)")
      }
    }
  }

  private func becameIdle() {
    let callback = whenIdle
    whenIdle = nil
    callback?()
  }

  private func received(_ bytes: [UInt8]) {
    do {
      let event = try WireFormat.protobuf.decode(AgentEvent.self, from: bytes)
      if case .subscribed = event.event {
        backoffNs = backoffFactorNs
        redirects = 0
      }
      feed(.master(event))
    } catch {
      drop("it sent an event that cannot be read")
    }
  }

  private func closed(_ reason: Subscription.CloseReason) {
    if case .refused(let response) = reason, let leader = redirect(response) {
      log.info("The master at \(endpoint) sends us to \(leader)")
      endpoint = leader
      redirects += 1
      disconnect()
      connect(afterNs: 0)
      return
    }
    log.warning("The link to the master at \(endpoint) ended: \(reason)")
    reconnect()
  }

  /// Protocol fact 40: `//host:port/path`, or a whole URL.
  private func redirect(_ response: Response) -> Endpoint? {
    guard response.status == .temporaryRedirect, redirects < Self.maxRedirects,
      let location = response.headers.first(name: "Location"), let slashes = location.firstRange(of: "//")
    else { return nil }
    return Endpoint(String(location[slashes.upperBound...].prefix { $0 != "/" }), defaultPort: 5050)
  }

  private func disconnect() {
    generation += 1
    subscription?.close()
    subscription = nil
    calls?.cancel()
    calls = nil
    pending = []
    isPosting = false
    feed(.masterDisconnected)
    becameIdle()
  }

  private func reconnect() {
    disconnect()
    guard !isFinishing else { return }
    endpoint = configured
    redirects = 0
    let wait = Int64.random(in: 0...backoffNs)
    backoffNs = min(backoffNs * 2, Self.longestBackoffNs)
    connect(afterNs: wait)
  }
}
