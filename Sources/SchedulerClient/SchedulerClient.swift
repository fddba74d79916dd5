import NIOCore
import Transport
import Wire

/// A framework's end of the scheduler API: a subscription, and calls in order.
///
/// Belongs to the event loop of its HTTP client, to which all callbacks belong too.
public final class SchedulerClient {
  public enum Event {
    /// An event of the stream; SUBSCRIBED is the first.
    case received(SchedulerEvent)
    /// The stream ended or could not be opened; the last event.
    case closed(String)
    /// A call was not accepted. The subscription goes on.
    case callFailed(SchedulerCall.TypeEnum, String)
  }

  /// The framework; its id is filled in by SUBSCRIBED, and a further `subscribe` takes the framework over again.
  public private(set) var framework: MesosFrameworkInfo
  private let http: HTTPClient
  private let format: WireFormat
  private var master: Endpoint
  private var calls: CallQueue
  private var subscription: Subscription?
  private var streamID: String?
  private var receive: ((Event) -> Void)?

  public init(_ framework: MesosFrameworkInfo, master: Endpoint, http: HTTPClient, format: WireFormat = .protobuf) {
    self.framework = framework
    self.http = http
    self.format = format
    self.master = master
    calls = http.orderedCalls(to: master)
  }

  public func subscribe(_ receive: @escaping (Event) -> Void) {
    self.receive = receive
    subscribe(redirects: 3)
  }

  /// Sends a call; framework id and type of body are those of `call`, the rest is filled in.
  public func send(_ call: SchedulerCall) {
    var call = call
    call.frameworkID = framework.id
    var headers = self.headers
    if let streamID { headers.append(("Mesos-Stream-Id", streamID)) }
    let request = ClientRequest(.POST, master, Self.path, headers: .init(headers), body: format.encode(call))
    calls.send(request) { [weak self] result in
      switch result {
      case .success(let response) where (200..<300).contains(response.status.code): break
      case .success(let response):
        self?.receive?(
          .callFailed(call.type, "\(response.status.code): \(String(buffer: response.body))"))
      case .failure(let error): self?.receive?(.callFailed(call.type, error.description))
      }
    }
  }

  /// Leaves without a word to the master, as a scheduler that fails does.
  public func close() {
    receive = nil
    subscription?.close()
    calls.cancel()
  }

  private static let path = "/api/v1/scheduler"

  private var headers: [(String, String)] {
    [("Content-Type", format.rawValue), ("Accept", format.rawValue)]
  }

  private func subscribe(redirects: Int) {
    var call = SchedulerCall()
    call.type = .subscribe
    if framework.hasID { call.frameworkID = framework.id }
    call.subscribe.frameworkInfo = framework
    let request = ClientRequest(.POST, master, Self.path, headers: .init(headers), body: format.encode(call))
    subscription = http.subscribe(request) { [weak self] in self?.handle($0, redirects: redirects) }
  }

  private func handle(_ event: Subscription.Event, redirects: Int) {
    switch event {
    case .opened(let headers): streamID = headers.first(name: "Mesos-Stream-Id")
    case .record(let bytes):
      guard let event = try? format.decode(SchedulerEvent.self, from: bytes) else {
        receive?(.closed("the master sent a record that is no event"))
        return close()
      }
      if event.type == .subscribed { framework.id = event.subscribed.frameworkID }
      receive?(.received(event))
    case .closed(.refused(let response)) where response.status.code == 307 && redirects > 0:
      follow(response.headers.first(name: "Location"), redirects: redirects - 1)
    case .closed(let reason):
      receive?(.closed(reason.description))
    }
  }

  /// Protocol fact 40: the leader comes as `//host:port/path`.
  private func follow(_ location: String?, redirects: Int) {
    let authority = location?.split(separator: "/", omittingEmptySubsequences: true).first { !$0.hasSuffix(":") }
    guard let leader = authority.flatMap({ Endpoint(String($0), defaultPort: 5050) }) else {
      receive?(.closed("\(master) redirected to '\(location ?? "")', which names no host"))
      return
    }
    master = leader
    calls = http.orderedCalls(to: leader)
    subscribe(redirects: redirects)
  }
}
