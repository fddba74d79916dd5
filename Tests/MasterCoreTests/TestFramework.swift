import MasterCore
import Resources
import Testing
import Wire

/// A framework as the master sees it: its stream and its calls.
final class TestFramework {
  let cluster: TestCluster
  var info: MesosFrameworkInfo
  var constraints: SchedulerOfferConstraints
  var suppressed: [String]
  var connection: ConnectionID
  private(set) var id = ""

  static func info(
    _ capabilities: [MesosFrameworkInfo.Capability.TypeEnum] = [.multiRole, .partitionAware, .reservationRefinement],
    roles: [String] = ["a"]
  ) -> MesosFrameworkInfo {
    var info = MesosFrameworkInfo()
    info.user = "nobody"
    info.name = "test"
    info.capabilities = capabilities.map { type in
      var capability = MesosFrameworkInfo.Capability()
      capability.type = type
      return capability
    }
    if capabilities.contains(.multiRole) { info.roles = roles }
    info.failoverTimeout = 60
    info.checkpoint = true
    return info
  }

  init(
    _ cluster: TestCluster, _ info: MesosFrameworkInfo = TestFramework.info(),
    constraints: SchedulerOfferConstraints = SchedulerOfferConstraints(), suppressed: [String] = []
  ) {
    self.cluster = cluster
    self.info = info
    self.constraints = constraints
    self.suppressed = suppressed
    connection = cluster.connection()
    subscribe()
  }

  /// Subscribes on a new connection, with the id that it was given before.
  func subscribe() {
    connection = cluster.connection()
    var call = SchedulerCall()
    call.type = .subscribe
    if !id.isEmpty {
      info.id.value = id
      call.frameworkID.value = id
    } else if info.hasID {
      call.frameworkID = info.id
    }
    call.subscribe.frameworkInfo = info
    call.subscribe.suppressedRoles = suppressed
    if !constraints.roleConstraints.isEmpty { call.subscribe.offerConstraints = constraints }
    cluster.handle(.schedulerCall(call, from: connection, streamID: nil))
    if let event = events.first(where: { $0.type == .subscribed }) { id = event.subscribed.frameworkID.value }
  }

  func disconnect() { cluster.handle(.streamClosed(connection)) }

  var events: [SchedulerEvent] { cluster.toSchedulers[connection] ?? [] }
  var offers: [MesosOffer] { events.flatMap(\.offers.offers) }
  var updates: [MesosTaskStatus] { events.filter { $0.type == .update }.map(\.update.status) }
  var rescinded: [String] { events.filter { $0.type == .rescind }.map(\.rescind.offerID.value) }
  var inverseOffers: [MesosInverseOffer] { events.flatMap(\.inverseOffers.inverseOffers) }
  var rescindedInverse: [String] {
    events.filter { $0.type == .rescindInverseOffer }.map(\.rescindInverseOffer.inverseOfferID.value)
  }
  var errors: [String] { events.filter { $0.type == .error }.map(\.error.message) }

  func clear() { cluster.clearEvents(connection) }

  @discardableResult
  func call(
    _ type: SchedulerCall.TypeEnum, streamID: String?? = nil, _ fill: (inout SchedulerCall) -> Void = { _ in }
  ) -> TestCluster.Answer? {
    var call = SchedulerCall()
    call.type = type
    call.frameworkID.value = id
    fill(&call)
    let request = cluster.connection()
    let header = streamID ?? cluster.streamIDs[connection]
    cluster.handle(.schedulerCall(call, from: request, streamID: header))
    return cluster.answers[request]
  }

  func task(_ id: String, on agent: String, cpus: Double = 1, mem: Double = 128) -> MesosTaskInfo {
    var task = MesosTaskInfo()
    task.name = id
    task.taskID.value = id
    task.agentID.value = agent
    task.resources = Resources([.scalar("cpus", cpus), .scalar("mem", mem)]).wire(.stack)
    task.command.value = "true"
    return task
  }

  /// Accepts with one LAUNCH. The rest of the offer is refused for no time unless said otherwise.
  func launch(_ offers: [String], _ tasks: [MesosTaskInfo], refuse: Double = 0) {
    call(.accept) { call in
      call.accept.offerIds = offers.map(MesosOfferID.init)
      var operation = MesosOffer.Operation()
      operation.type = .launch
      operation.launch.taskInfos = tasks
      call.accept.operations = [operation]
      call.accept.filters.refuseSeconds = refuse
    }
  }

  /// UPDATE_FRAMEWORK with what `info`, `constraints` and `suppressed` are now.
  @discardableResult
  func update() -> TestCluster.Answer? {
    call(.updateFramework) { call in
      info.id.value = id
      call.updateFramework.frameworkInfo = info
      call.updateFramework.suppressedRoles = suppressed
      if !constraints.roleConstraints.isEmpty { call.updateFramework.offerConstraints = constraints }
    }
  }

  func decline(_ offers: [MesosOffer], refuse: Double) {
    call(.decline) { call in
      call.decline.offerIds = offers.map(\.id)
      call.decline.filters.refuseSeconds = refuse
    }
  }

  func acknowledge(_ status: MesosTaskStatus) {
    call(.acknowledge) { call in
      call.acknowledge.agentID = status.agentID
      call.acknowledge.taskID = status.taskID
      call.acknowledge.uuid = status.uuid
    }
  }
}

extension MesosOfferID {
  init(_ value: String) {
    self.init()
    self.value = value
  }
}
