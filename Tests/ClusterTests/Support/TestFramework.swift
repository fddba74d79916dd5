import NIOCore
import NIOHTTP1
import SwiftProtobuf
import Testing
import Transport
import Wire

/// A framework that keeps what it is sent, acknowledges updates, and lets a test wait for what it expects.
@MainActor
final class TestFramework {
  private(set) var info: MesosFrameworkInfo
  private(set) var streamID: String?
  private(set) var offers: [MesosOffer] = []
  private(set) var inverseOffers: [MesosInverseOffer] = []
  private(set) var updates: [MesosTaskStatus] = []
  private(set) var errors: [String] = []
  /// The last status of each operation with an id.
  private(set) var operations: [String: MesosOperationStatus] = [:]
  /// Executors and agents that ended.
  private(set) var failures: [SchedulerEvent.Failure] = []
  private(set) var heartbeats = 0
  /// Why the stream ended; nil while it is open.
  private(set) var ending: String?
  private let master: Endpoint
  private let http: AsyncHTTPClient
  private let format: WireFormat
  private var subscription: AsyncSubscription?

  init(_ cluster: Cluster, _ name: String = "test", role: String = "*", format: WireFormat = .json) {
    self.master = cluster.master.endpoint
    self.http = cluster.http
    self.format = format
    info = MesosFrameworkInfo()
    info.user = "root"
    info.name = name
    info.roles = [role]
    info.checkpoint = true
    info.failoverTimeout = 60
    info.capabilities = [.multiRole, .partitionAware, .taskKillingState, .reservationRefinement].map { type in
      .with { $0.type = type }
    }
  }

  var id: String { info.id.value }

  /// Sent when it subscribes.
  var constraints = SchedulerOfferConstraints()

  func change(_ body: (inout MesosFrameworkInfo) -> Void) { body(&info) }

  // MARK: Stream

  /// Subscribes and waits for SUBSCRIBED.
  func subscribe() async throws {
    try open()
    try await wait("SUBSCRIBED") { $0.streamID != nil && $0.info.hasID }
  }

  /// Subscribes and waits for the end of the stream.
  func subscribeInVain() async throws -> String {
    try open()
    try await wait("the stream's end") { $0.ending != nil }
    return errors.last ?? ending ?? ""
  }

  private var isTornDown = false

  /// Goes away without a word.
  func disconnect() async throws {
    try await settle()
    subscription?.close()
  }

  /// Waits until the master has taken what this framework acknowledges, so that another stream may be its own.
  func settle() async throws {
    try await wait("answers to its acknowledgements") { $0.pendingAcknowledgements == 0 }
  }

  private func open() throws {
    var call = SchedulerCall()
    call.type = .subscribe
    if info.hasID { call.frameworkID = info.id }
    call.subscribe.frameworkInfo = info
    if !constraints.roleConstraints.isEmpty { call.subscribe.offerConstraints = constraints }
    streamID = nil
    ending = nil
    let subscription = http.subscribe(request(call))
    self.subscription = subscription
    Task {
      do {
        for await event in subscription { try await handle(event, of: subscription) }
      } catch {
        ending = "\(error)"
      }
    }
  }

  private func handle(_ event: Subscription.Event, of subscription: AsyncSubscription) async throws {
    guard subscription === self.subscription else { return }
    switch event {
    case .opened(let headers): streamID = headers.first(name: "Mesos-Stream-Id")
    case .record(let bytes): try await handle(format.decode(SchedulerEvent.self, from: bytes))
    case .closed(let reason): ending = "\(reason)"
    }
  }

  private func handle(_ event: SchedulerEvent) async throws {
    switch event.type {
    case .subscribed: info.id = event.subscribed.frameworkID
    case .heartbeat: heartbeats += 1
    case .offers: offers += event.offers.offers
    case .rescind: offers.removeAll { $0.id == event.rescind.offerID }
    case .failure: failures.append(event.failure)
    case .inverseOffers: inverseOffers += event.inverseOffers.inverseOffers
    case .rescindInverseOffer: inverseOffers.removeAll { $0.id == event.rescindInverseOffer.inverseOfferID }
    case .error: errors.append(event.error.message)
    case .update:
      updates.append(event.update.status)
      if event.update.status.hasUuid { try await acknowledge(event.update.status) }
    case .updateOperationStatus: try await handle(event.updateOperationStatus.status)
    default: break
    }
  }

  /// Acknowledgements that are not answered yet. A stream that is given up meanwhile makes the master refuse them.
  private(set) var pendingAcknowledgements = 0

  private func acknowledge(_ status: MesosTaskStatus) async throws {
    pendingAcknowledgements += 1
    defer { pendingAcknowledgements -= 1 }
    try await send(.acknowledge) {
      $0.acknowledge.agentID = status.agentID
      $0.acknowledge.taskID = status.taskID
      $0.acknowledge.uuid = status.uuid
    }
  }

  private func handle(_ status: MesosOperationStatus) async throws {
    operations[status.operationID.value] = status
    guard status.hasUuid else { return }
    try await send(.acknowledgeOperationStatus) {
      $0.acknowledgeOperationStatus.agentID = status.agentID
      $0.acknowledgeOperationStatus.operationID = status.operationID
      $0.acknowledgeOperationStatus.uuid = status.uuid.value
    }
  }

  // MARK: Calls

  /// Sends a call of which 202 is expected.
  func send(_ type: SchedulerCall.TypeEnum, _ fill: (inout SchedulerCall) -> Void = { _ in }) async throws {
    if type == .teardown { isTornDown = true }
    let response = try await answer(to: type, fill)
    // An acknowledgement that was on its way meets a framework that is gone.
    if isTornDown, type == .acknowledge { return }
    #expect(response.status == .accepted, "\(type): \(String(buffer: response.body))")
  }

  func answer(
    to type: SchedulerCall.TypeEnum, _ fill: (inout SchedulerCall) -> Void = { _ in }
  ) async throws -> Response {
    var call = SchedulerCall()
    call.type = type
    call.frameworkID = info.id
    fill(&call)
    return try await http.send(request(call), timeout: .seconds(60))
  }

  /// Sends a call as it is written, of which 202 is expected.
  func post(_ json: String) async throws {
    let headers: HTTPHeaders = [
      "Content-Type": "application/json", "Accept": "application/json", "Mesos-Stream-Id": streamID ?? "",
    ]
    let request = ClientRequest(.POST, master, "/api/v1/scheduler", headers: headers, body: [UInt8](json.utf8))
    let response = try await http.send(request, timeout: .seconds(60))
    #expect(response.status == .accepted, "\(json): \(String(buffer: response.body))")
  }

  private func request(_ call: SchedulerCall) -> ClientRequest {
    var headers: HTTPHeaders = ["Content-Type": format.rawValue, "Accept": format.rawValue]
    if call.type != .subscribe, let streamID { headers.add(name: "Mesos-Stream-Id", value: streamID) }
    return ClientRequest(.POST, master, "/api/v1/scheduler", headers: headers, body: format.encode(call))
  }

  func accept(_ offer: MesosOffer, _ operations: [MesosOffer.Operation]) async throws {
    offers.removeAll { $0.id == offer.id }
    try await send(.accept) { call in
      call.accept.offerIds = [offer.id]
      call.accept.operations = operations
      call.accept.filters.refuseSeconds = 0
    }
  }

  func decline(_ offer: MesosOffer, refuseSeconds: Double) async throws {
    offers.removeAll { $0.id == offer.id }
    try await send(.decline) { call in
      call.decline.offerIds = [offer.id]
      call.decline.filters.refuseSeconds = refuseSeconds
    }
  }

  /// Gives up all offers, without a filter.
  func decline() async throws {
    let ids = offers.map(\.id)
    offers = []
    try await send(.decline) { call in
      call.decline.offerIds = ids
      call.decline.filters.refuseSeconds = 0
    }
  }

  func kill(_ task: String) async throws {
    try await send(.kill) { $0.kill.taskID.value = task }
  }

  // MARK: What came

  /// The first offer with so much, once there is one.
  func offer(cpus: Double = 0.01) async throws -> MesosOffer {
    try await wait("an offer with \(cpus) cpus") { framework in
      framework.offers.contains { $0.scalar("cpus") >= cpus }
    }
    return try #require(offers.first { $0.scalar("cpus") >= cpus })
  }

  func states(of task: String) -> [MesosTaskState] {
    updates.filter { $0.taskID.value == task }.map(\.state)
  }

  /// The tasks whose last update says so.
  func tasks(in state: MesosTaskState) -> Set<String> {
    Set(last.filter { $0.value.state == state }.keys)
  }

  var last: [String: MesosTaskStatus] {
    Dictionary(updates.map { ($0.taskID.value, $0) }) { $1 }
  }

  func forgetUpdates() { updates = [] }

  func forgetOffers() { offers = [] }

  /// Waits until `condition` holds of what came so far.
  func wait(
    _ what: String, within timeout: Duration = .seconds(60), _ condition: (TestFramework) -> Bool
  ) async throws {
    let deadline = ContinuousClock.now + timeout
    while !condition(self) {
      guard ContinuousClock.now < deadline else {
        let states = Dictionary(grouping: last.values, by: \.state).mapValues(\.count)
        throw Overdue(
          description: "\(info.name) waited \(timeout) for \(what); errors \(errors), stream \(ending ?? "open"), "
            + "\(offers.count) offers, tasks \(states)")
      }
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}

extension MesosOffer {
  func scalar(_ name: String) -> Double {
    resources.filter { $0.name == name }.reduce(0) { $0 + $1.scalar.value }
  }
}

extension MesosResource {
  static func scalar(_ name: String, _ value: Double, _ role: String) -> MesosResource {
    .with {
      $0.name = name
      $0.type = .scalar
      $0.scalar.value = value
      $0.allocationInfo.role = role
    }
  }
}
