import Resources
import Testing
import Wire

@testable import MasterCore

/// Operations on offers, as frameworks and agents see them. Texts are Mesos'.
@Suite struct OperationTests {
  /// A cluster with one agent, and a framework in role a that holds the offer of it.
  final class Setting {
    let cluster = TestCluster()
    let agent: TestAgent
    let framework: TestFramework

    init(_ info: MesosFrameworkInfo = TestFramework.info()) throws {
      agent = try TestAgent(cluster, resources: "cpus:4;mem:4096;disk:1000")
      framework = TestFramework(cluster, info)
    }

    var offer: MesosOffer? { framework.offers.last }
    var statuses: [MesosOperationStatus] {
      framework.events.filter { $0.type == .updateOperationStatus }.map(\.updateOperationStatus.status)
    }
    var applied: [AgentEvent.ApplyOperation] {
      agent.events.compactMap { if case .applyOperation(let operation)? = $0.event { operation } else { nil } }
    }

    /// Accepts the newest offer, without a filter.
    func accept(_ operations: [MesosOffer.Operation], refuse: Double = 0) throws {
      let offer = try #require(offer)
      framework.clear()
      framework.call(.accept) { call in
        call.accept.offerIds = [offer.id]
        call.accept.operations = operations
        call.accept.filters.refuseSeconds = refuse
      }
    }

    /// The agent tells the end of the operation that it was sent last.
    func finish(_ state: MesosOperationState = .operationFinished, total: Resources? = nil) throws {
      let operation = try #require(applied.last)
      var call = AgentCall()
      call.agentID = agent.info.id
      call.operationUpdate.operationUuid = operation.uuid
      call.operationUpdate.status.state = state
      call.operationUpdate.status.uuid.value = .init(repeating: 7, count: 16)
      if let total { call.operationUpdate.correctedTotal = total.wire(.stack) }
      agent.send([call])
    }
  }

  static func reserved(_ name: String, _ amount: Double, role: String = "a", principal: String? = nil) -> Resource {
    Resource(name, .scalar(Quantity(amount)), reservations: [Reservation(.dynamic, role: role, principal: principal)])
  }

  static func volume(_ id: String, _ amount: Double = 100, shared: Bool = false) -> Resource {
    var volume = reserved("disk", amount)
    volume.disk = Disk(persistence: .init(id: id), volume: .init(containerPath: "data"))
    volume.isShared = shared
    return volume
  }

  static func message(_ operation: ResourceOperation, id: String? = nil) -> MesosOffer.Operation {
    var message = MesosOffer.Operation(operation)
    if let id { message.id.value = id }
    return message
  }

  private static let sharing = TestFramework.info(
    [.multiRole, .partitionAware, .reservationRefinement, .sharedResources])

  @Test func aReservationIsOfferedAtOnceAndTheAgentIsTold() throws {
    let setting = try Setting()
    try setting.accept([Self.message(.reserve([Self.reserved("cpus", 1)]), id: "op1")], refuse: 1000)
    // Without a filter: it was made, not declined (protocol fact 49).
    let offered = try Resources(wire: try #require(setting.offer).resources).unallocated()
    #expect(offered.contains(Resources(Self.reserved("cpus", 1))))
    #expect(setting.applied.map(\.info.reserve.resources) == [[MesosResource(Self.reserved("cpus", 1), .stack)]])
    #expect(setting.statuses.isEmpty)
  }

  @Test func theEndIsToldUntilItIsAcknowledged() throws {
    let setting = try Setting()
    try setting.accept([Self.message(.reserve([Self.reserved("cpus", 1)]), id: "op1")])
    try setting.finish()
    let status = try #require(setting.statuses.first)
    #expect(status.operationID.value == "op1" && status.state == .operationFinished)
    #expect(status.agentID.value == setting.agent.id)
    // Exchange 139: without the uuid, for nobody is to acknowledge this one.
    setting.framework.call(.reconcileOperations) { $0.reconcileOperations = .init() }
    #expect(setting.statuses.count == 2 && !setting.statuses[1].hasUuid)
    setting.framework.call(.acknowledgeOperationStatus) { call in
      call.acknowledgeOperationStatus.agentID = setting.agent.info.id
      call.acknowledgeOperationStatus.operationID.value = "op1"
      call.acknowledgeOperationStatus.uuid = status.uuid.value
    }
    #expect(acknowledged(setting) == [[UInt8](status.uuid.value)])
    setting.framework.call(.reconcileOperations) { $0.reconcileOperations = .init() }
    #expect(setting.statuses.count == 2)
  }

  @Test func anOperationWithoutIDIsAcknowledgedByTheMaster() throws {
    let setting = try Setting()
    try setting.accept([Self.message(.reserve([Self.reserved("cpus", 1)]))])
    try setting.finish()
    #expect(setting.statuses.isEmpty)
    #expect(acknowledged(setting).count == 1)
    #expect(setting.cluster.core.operations.all.isEmpty)
  }

  private func acknowledged(_ setting: Setting) -> [[UInt8]] {
    setting.agent.events.compactMap { event in
      if case .acknowledgeOperation(let acknowledgement)? = event.event {
        [UInt8](acknowledgement.statusUuid)
      } else {
        nil
      }
    }
  }

  @Test func operationsOfOneAcceptWorkOnEachOthersResults() throws {
    let setting = try Setting()
    var task = setting.framework.task("t", on: setting.agent.id)
    task.resources += Resources(Self.volume("v")).wire(.stack)
    var launch = MesosOffer.Operation()
    launch.type = .launch
    launch.launch.taskInfos = [task]
    try setting.accept([
      Self.message(.reserve([Self.reserved("disk", 100)])), Self.message(.create([Self.volume("v")])), launch,
    ])
    #expect(setting.agent.launched == ["t"])
    #expect(setting.applied.map(\.info.type) == [.reserve, .create])
    let rest = try Resources(wire: try #require(setting.offer).resources)
    #expect(rest.total(of: "disk") == Quantity(900))
  }

  @Test func aFailedOperationIsDroppedAndTheRestGoesOn() throws {
    let setting = try Setting()
    try setting.accept([
      Self.message(.unreserve([Self.reserved("cpus", 99)]), id: "bad"),
      Self.message(.reserve([Self.reserved("cpus", 1)]), id: "good"),
    ])
    let status = try #require(setting.statuses.first)
    #expect(setting.statuses.count == 1)
    #expect(status.operationID.value == "bad" && status.state == .operationError)
    // Exchange 138.
    #expect(!status.hasAgentID && !status.hasUuid)
    #expect(
      status.message == "cpus(allocated: a):4; mem(allocated: a):4096; disk(allocated: a):1000 does not contain "
        + "cpus(allocated: a)(reservations: [(DYNAMIC,a)]):99")
    #expect(setting.applied.map(\.info.id.value) == ["good"])
  }

  @Test(arguments: [
    (ResourceOperation.reserve([reserved("cpus", 1, role: "b")]), "but the resource was allocated to role 'a'"),
    (.reserve([.scalar("cpus", 1)]), "Resource cpus(allocated: a):1 is not dynamically reserved"),
    (.reserve([reserved("cpus", 1)], source: [.scalar("cpus", 1)]), "implemented for the scheduler API"),
    (.reserve([]), "Operation contains no resources"),
    (.unreserve([volume("v")]), "Please destroy the persistent volume first"),
    (.create([reserved("disk", 1)]), "does not have DiskInfo"),
    (.create([volume("v", shared: true)]), "with no SHARED_RESOURCES capability"),
    (.create([volume("../v")]), "Invalid persistence ID for persistent volume: '../v' contains invalid characters"),
    (.create([volume("v"), volume("v")]), "Persistence ID 'v' is not unique"),
    (.destroy([volume("v")]), "Persistent volumes not found"),
    (.growVolume(volume("v"), addition: reserved("disk", 1)), "Invalid GROW_VOLUME operation: "),
    (.growVolume(volume("v"), addition: .scalar("disk", 1)), "Incompatible resources in the 'GrowVolume.volume'"),
    (.shrinkVolume(volume("v"), subtract: Quantity(100)), "must be smaller than the size"),
    (.shrinkVolume(volume("v"), subtract: Quantity(0)), "must be greater than zero"),
    (.shrinkVolume(volume("v"), subtract: Quantity(-1)), "must be greater than zero"),
  ]) func nonsenseIsAnErrorWithItsReason(operation: ResourceOperation, reason: String) throws {
    let setting = try Setting()
    let before = try Resources(wire: try #require(setting.offer).resources)
    try setting.accept([Self.message(operation, id: "op")])
    #expect(setting.statuses.map(\.state) == [.operationError])
    #expect(setting.statuses.first?.message.contains(reason) ?? false, "\(setting.statuses.first?.message ?? "")")
    #expect(setting.applied.isEmpty)
    #expect(try Resources(wire: try #require(setting.offer).resources) == before)
  }

  @Test func thePrincipalMustBeTheFrameworksOwn() throws {
    var info = TestFramework.info()
    info.principal = "me"
    let setting = try Setting(info)
    try setting.accept([Self.message(.reserve([Self.reserved("cpus", 1, principal: "you")]), id: "op")])
    #expect(setting.statuses.first?.message.contains("attempted by authenticated principal 'me'") ?? false)
    try setting.accept([Self.message(.reserve([Self.reserved("cpus", 1)]), id: "op")])
    #expect(setting.statuses.first?.message.contains("with no principal set") ?? false)
    try setting.accept([Self.message(.reserve([Self.reserved("cpus", 1, principal: "me")]), id: "op")])
    #expect(setting.statuses.isEmpty && setting.applied.count == 1)
  }

  @Test func anIDIsTakenUntilItsStatusIsAcknowledged() throws {
    let setting = try Setting()
    try setting.accept([Self.message(.reserve([Self.reserved("cpus", 1)]), id: "op")])
    try setting.accept([Self.message(.reserve([Self.reserved("cpus", 1)]), id: "op")])
    #expect(setting.statuses.map(\.state) == [.operationError])
    #expect(setting.applied.count == 1)
  }

  @Test func whatFailsOnTheAgentIsTakenBack() throws {
    let setting = try Setting()
    try setting.accept([Self.message(.reserve([Self.reserved("disk", 100)]))])
    try setting.finish()
    try setting.accept([Self.message(.create([Self.volume("v")]), id: "op")])
    let total = try Resources(parsing: "cpus:4;mem:4096;disk:900") + Resources(Self.reserved("disk", 100))
    let offer = try #require(setting.offer)
    try setting.finish(.operationFailed, total: total)
    #expect(setting.statuses.last?.state == .operationFailed)
    #expect(setting.framework.rescinded.contains(offer.id.value))
    #expect(try Resources(wire: try #require(setting.offer).resources).unallocated() == total)
  }

  @Test func aVolumeInUseIsNotDestroyed() throws {
    let setting = try Setting(Self.sharing)
    let volume = Self.volume("v", shared: true)
    try setting.accept([Self.message(.reserve([Self.reserved("disk", 100)])), Self.message(.create([volume]))])
    var task = setting.framework.task("t", on: setting.agent.id)
    task.resources += Resources(volume).wire(.stack)
    setting.framework.launch([try #require(setting.offer).id.value], [task])
    try setting.accept([Self.message(.destroy([volume]), id: "op")])
    #expect(setting.statuses.first?.message.contains("Persistent volumes in use") ?? false)
    setting.agent.update("t", of: setting.framework, .taskFinished)
    try setting.accept([Self.message(.destroy([volume]), id: "op")])
    #expect(setting.statuses.isEmpty && setting.applied.last?.info.type == .destroy)
  }

  @Test func aSharedVolumeServesManyTasksAndIsOfferedMeanwhile() throws {
    let setting = try Setting(Self.sharing)
    let volume = Self.volume("v", shared: true)
    try setting.accept([Self.message(.reserve([Self.reserved("disk", 100)])), Self.message(.create([volume]))])
    let tasks = ["t1", "t2"].map { id in
      var task = setting.framework.task(id, on: setting.agent.id)
      task.resources += Resources(volume).wire(.stack)
      return task
    }
    setting.framework.launch([try #require(setting.offer).id.value], tasks)
    #expect(setting.agent.launched == ["t1", "t2"])
    let offered = try Resources(wire: try #require(setting.offer).resources).unallocated()
    #expect(offered.contains(Resources(volume)))
    for id in ["t1", "t2"] { setting.agent.update(id, of: setting.framework, .taskFinished) }
    // Every copy came back.
    setting.framework.disconnect()
    #expect(setting.cluster.core.ledger.allocated(on: 0).isEmpty)
  }

  @Test func anUnsharedVolumeServesOneTask() throws {
    let setting = try Setting()
    let volume = Self.volume("v")
    try setting.accept([Self.message(.reserve([Self.reserved("disk", 100)])), Self.message(.create([volume]))])
    let tasks = ["t1", "t2"].map { id in
      var task = setting.framework.task(id, on: setting.agent.id)
      task.resources += Resources(volume).wire(.stack)
      return task
    }
    setting.framework.launch([try #require(setting.offer).id.value], tasks)
    #expect(setting.agent.launched == ["t1"])
    #expect(setting.framework.updates.map(\.state) == [.taskError])
  }

  @Test func volumesGrowAndShrink() throws {
    let setting = try Setting()
    try setting.accept([
      Self.message(.reserve([Self.reserved("disk", 300)])), Self.message(.create([Self.volume("v")])),
    ])
    try setting.accept([Self.message(.growVolume(Self.volume("v"), addition: Self.reserved("disk", 200)))])
    var offered = try Resources(wire: try #require(setting.offer).resources).unallocated()
    #expect(offered.contains(Resources(Self.volume("v", 300))))
    try setting.accept([Self.message(.shrinkVolume(Self.volume("v", 300), subtract: Quantity(250)))])
    offered = try Resources(wire: try #require(setting.offer).resources).unallocated()
    #expect(offered.contains([Self.volume("v", 50), Self.reserved("disk", 250)]))
    #expect(offered.total(of: "disk") == Quantity(1000))
  }

  @Test func operationsOnALostAgentAreToldAndComeBackWithIt() throws {
    let setting = try Setting()
    try setting.accept([Self.message(.reserve([Self.reserved("cpus", 1)]), id: "op1")])
    let sent = try #require(setting.applied.last)
    setting.agent.disconnect()
    setting.cluster.pass(seconds: 601)
    #expect(setting.statuses.map(\.state) == [.operationUnreachable])
    reconcile(setting, "op1")
    #expect(setting.statuses.last?.state == .operationUnreachable)
    #expect(setting.statuses.last?.message == "Reconciliation: Agent is unreachable")

    var operation = AgentCall.Operation()
    operation.uuid = sent.uuid
    operation.frameworkID.value = setting.framework.id
    operation.info = sent.info
    operation.status.state = .operationFinished
    setting.agent.subscribe(operations: [operation])
    reconcile(setting, "op1")
    #expect(setting.statuses.last?.state == .operationFinished)
  }

  @Test func anOperationOnAnOfferThatIsGoneIsAnError() throws {
    let setting = try Setting()
    setting.framework.call(.accept) { call in
      call.accept.offerIds = [.init("gone")]
      call.accept.operations = [Self.message(.reserve([Self.reserved("cpus", 1)]), id: "op1")]
    }
    #expect(setting.statuses.map(\.state) == [.operationError])
    #expect(setting.statuses.first?.message == "Operation attempted with invalid offers: Offer gone is no longer valid")
  }

  @Test func aLaunchHasNoID() throws {
    let setting = try Setting()
    var launch = MesosOffer.Operation()
    launch.type = .launch
    launch.id.value = "op1"
    launch.launch.taskInfos = [setting.framework.task("t", on: setting.agent.id)]
    try setting.accept([launch])
    #expect(setting.framework.updates.map(\.message) == ["The `id` field cannot be set on LAUNCH operations"])
    #expect(setting.framework.updates.map(\.state) == [.taskError] && setting.statuses.isEmpty)
  }

  @Test func anOperationThatNeverArrivedIsDropped() throws {
    let setting = try Setting()
    try setting.accept([Self.message(.reserve([Self.reserved("cpus", 1)]), id: "op1")])
    setting.agent.disconnect()
    // With what it had before.
    setting.agent.subscribe()
    #expect(setting.statuses.map(\.state) == [.operationDropped])
    let offered = try Resources(wire: try #require(setting.offer).resources)
    #expect(offered.reserved.isEmpty && offered.total(of: "cpus") == Quantity(4))
  }

  private func reconcile(_ setting: Setting, _ id: String) {
    setting.framework.call(.reconcileOperations) { call in
      var question = SchedulerCall.ReconcileOperations.Operation()
      question.operationID.value = id
      question.agentID.value = setting.agent.id
      call.reconcileOperations.operations = [question]
    }
  }

  @Test func unknownOperationsAreCalledSo() throws {
    let setting = try Setting()
    reconcile(setting, "zz")
    #expect(setting.statuses.last?.state == .operationUnknown)
    // Exchange 140.
    #expect(setting.statuses.last?.message == "Reconciliation: Operation is unknown")
    #expect(setting.statuses.last?.agentID.value == setting.agent.id)
  }

  @Test func reservationsAreOfferedToTheirRoleAlone() throws {
    let setting = try Setting()
    try setting.accept([Self.message(.reserve([Self.reserved("cpus", 4)]))])
    setting.framework.disconnect()
    let other = TestFramework(setting.cluster, TestFramework.info(roles: ["b"]))
    let offered = try Resources(wire: try #require(other.offers.last).resources)
    #expect(offered.total(of: "cpus") == .zero && offered.total(of: "mem") == Quantity(4096))
  }
}
