import MasterCore
import Testing
import Wire

@Suite struct SubscribeTests {
  let cluster = TestCluster()

  @Test func aNewFrameworkIsSubscribedAndHearsAHeartbeatAtOnceAndEvery15Seconds() {
    let framework = TestFramework(cluster)
    #expect(framework.events.map(\.type) == [.subscribed, .heartbeat])
    #expect(framework.id == "master-0000")
    #expect(framework.events.first?.subscribed.heartbeatIntervalSeconds == 15)
    #expect(framework.events.first?.subscribed.masterInfo.ip == 0x0100_007F)
    #expect(cluster.streamIDs[framework.connection]?.utf8.count == 36)
    cluster.pass(seconds: 46)
    #expect(framework.events.count { $0.type == .heartbeat } == 4)
  }

  @Test func theSecondFrameworkHasTheNextID() {
    _ = TestFramework(cluster)
    #expect(TestFramework(cluster).id == "master-0001")
  }

  @Test func anUnknownIDIsTakenAsThatOfAnEarlierMaster() {
    var info = TestFramework.info()
    info.id.value = "earlier-0007"
    #expect(TestFramework(cluster, info).id == "earlier-0007")
  }

  @Test(arguments: [
    (["/x"], "'FrameworkInfo.roles' contains invalid role: Role '/x' cannot start with a slash"),
    (["a", "a"], "'FrameworkInfo.roles' contains duplicate items: { a }"),
    (
      ["a b"],
      "'FrameworkInfo.roles' contains invalid role: "
        + "Role component 'a b' is invalid because it contains backspace or whitespace"
    ),
  ])
  func badRolesAreAnErrorOnTheStream(roles: [String], message: String) {
    let framework = TestFramework(cluster, TestFramework.info(roles: roles))
    #expect(framework.errors == [message])
    #expect(framework.events.count == 1)
    #expect(cluster.closed.contains(framework.connection))
  }

  @Test func roleAndRolesDependOnTheCapability() {
    var both = TestFramework.info()
    both.role = "x"
    #expect(
      TestFramework(cluster, both).errors
        == ["'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"])
    var legacy = TestFramework.info([])
    legacy.roles = ["x"]
    #expect(
      TestFramework(cluster, legacy).errors
        == ["'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"])
  }

  @Test func otherRefusalsHaveMesosTexts() {
    var endless = TestFramework.info()
    endless.failoverTimeout = 1e30
    #expect(TestFramework(cluster, endless).errors == ["The framework failover_timeout (1e+30) is invalid"])
    var slash = TestFramework.info()
    slash.id.value = "a/b"
    #expect(TestFramework(cluster, slash).errors == ["'a/b' contains invalid characters"])
    let strict = TestCluster { configuration in
      configuration.allowsRootSubmissions = false
      configuration.roles = ["prod"]
    }
    var root = TestFramework.info(roles: ["prod"])
    root.user = "root"
    #expect(
      TestFramework(strict, root).errors
        == ["User 'root' is not allowed to run frameworks without --root_submissions set"])
    #expect(TestFramework(strict).errors == ["Roles { a } are not present in the master's --roles"])
  }

  @Test func failoverRescindsThenEndsTheOldStreamAndTheNewOneIsOffered() throws {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    let offer = try #require(framework.offers.first)
    let old = framework.connection
    framework.clear()
    framework.subscribe()
    let oldEvents = cluster.toSchedulers[old] ?? []
    #expect(oldEvents.map(\.type) == [.rescind, .error])
    #expect(oldEvents.first?.rescind.offerID == offer.id)
    #expect(oldEvents.last?.error.message == "Framework failed over")
    #expect(cluster.closed.contains(old))
    #expect(framework.events.prefix(2).map(\.type) == [.subscribed, .heartbeat])
    #expect(framework.offers.map(\.agentID.value) == [agent.id])
    #expect(framework.offers.first?.id != offer.id)
  }

  @Test func aFrameworkThatComesBackInTimeKeepsItsTasks() throws {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.launch([framework.offers[0].id.value], [framework.task("t", on: agent.id)])
    framework.disconnect()
    cluster.pass(seconds: 59)
    framework.subscribe()
    cluster.pass(seconds: 120)
    framework.call(.reconcile) { $0.reconcile = .init() }
    #expect(framework.updates.map(\.taskID.value) == ["t"])
  }

  @Test func aFrameworkThatStaysAwayIsRemovedAndItsIDIsDead() throws {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.launch([framework.offers[0].id.value], [framework.task("t", on: agent.id)])
    framework.disconnect()
    cluster.pass(seconds: 61)
    let shutdowns = agent.events.filter { if case .shutdownFramework? = $0.event { true } else { false } }
    #expect(shutdowns.count == 1)
    framework.subscribe()
    #expect(framework.errors == ["Framework has been removed"])
    #expect(TestFramework(cluster).offers.count == 1, "all that it held is free again")
  }

  @Test func teardownEndsTheStreamWithoutUpdates() throws {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.launch([framework.offers[0].id.value], [framework.task("t", on: agent.id)])
    framework.clear()
    #expect(framework.call(.teardown) == .init(status: 202, text: ""))
    #expect(framework.events.isEmpty)
    #expect(cluster.closed.contains(framework.connection))
    #expect(framework.call(.revive) == .init(status: 400, text: "Framework cannot be found"))
  }

  @Test func userAndCheckpointStayAsTheyWereAndThePrincipalMustNotChange() {
    let framework = TestFramework(cluster)
    framework.info.user = "other"
    framework.info.name = "renamed"
    framework.subscribe()
    let shown = cluster.core.snapshot().frameworks.first?.info
    #expect(shown?.user == "nobody")
    #expect(shown?.name == "renamed")
    framework.info.principal = "somebody"
    framework.subscribe()
    #expect(framework.errors == ["Changing framework's principal is not allowed."])
  }

  @Test func updateFrameworkTakesNewRolesAndRefusesANewUser() throws {
    _ = try TestAgent(cluster)
    let framework = TestFramework(cluster, TestFramework.info(roles: []))
    #expect(framework.offers.isEmpty)
    var info = TestFramework.info(roles: ["b"])
    info.id.value = framework.id
    #expect(framework.call(.updateFramework) { $0.updateFramework.frameworkInfo = info }?.status == 200)
    #expect(framework.offers.map(\.allocationInfo.role) == ["b"])
    info.user = "other"
    #expect(
      framework.call(.updateFramework) { $0.updateFramework.frameworkInfo = info }
        == .init(
          status: 400,
          text: "FrameworkInfo update is not valid: Updating 'FrameworkInfo.user' is unsupported; "
            + "attempted to update from 'nobody' to 'other'"))
  }

  @Test func completedFrameworksAreBounded() {
    let cluster = TestCluster { $0.completedFrameworkLimit = 2 }
    for _ in 0..<5 { TestFramework(cluster).call(.teardown) }
    #expect(cluster.core.snapshot().completedFrameworks.map(\.info.id.value) == ["master-0003", "master-0004"])
  }
}
