import MasterCore
import Resources
import Testing
import Wire

/// UPDATE_FRAMEWORK and subscribing again with other information (protocol facts 22 and 36).
@Suite struct UpdateFrameworkTests {
  let cluster = TestCluster()

  private func tells(_ agent: TestAgent) -> [MesosFrameworkInfo] {
    agent.events.compactMap { if case .updateFramework(let event)? = $0.event { event.frameworkInfo } else { nil } }
  }

  @Test(arguments: [false, true]) func offersOfRolesThatItLeavesAreTakenBack(bySubscribing: Bool) throws {
    _ = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    let offer = try #require(framework.offers.first)
    let old = framework.connection
    framework.info.roles = ["b"]
    if bySubscribing { framework.subscribe() } else { framework.update() }
    let events = cluster.toSchedulers[old] ?? []
    #expect(events.filter { $0.type == .rescind }.map(\.rescind.offerID) == [offer.id])
    #expect(framework.offers.last?.allocationInfo.role == "b")
  }

  @Test func offersOfRolesThatStayAreKept() throws {
    _ = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.info.roles = ["a", "b"]
    framework.update()
    #expect(framework.rescinded.isEmpty && framework.offers.count == 1)
    #expect(cluster.core.snapshot().frameworks.first?.offers.count == 1)
  }

  @Test func whatItHoldsInARoleThatItLeftStaysItsOwn() throws {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.launch([framework.offers[0].id.value], [framework.task("t", on: agent.id, cpus: 3)])
    framework.info.roles = ["b"]
    framework.update()
    framework.clear()
    let refusal = cluster.call(.updateQuota) { call in
      call.updateQuota.quotaConfigs = [
        .with {
          $0.role = "a"
          $0.limits["cpus"] = .with { $0.value = 1 }
        }
      ]
    }
    #expect(refusal?.text.contains("Role 'a' is already consuming 'cpus:3") ?? false)
    agent.update("t", of: framework, .taskFinished)
    cluster.pass(seconds: 2)
    let offered = framework.offers.reduce(into: Quantity.zero) {
      $0 += ((try? Resources(wire: $1.resources)) ?? Resources()).total(of: "cpus")
    }
    #expect(offered == Quantity(3))
    #expect(framework.updates.map(\.state) == [.taskFinished])
  }

  @Test func suppressedRolesAreThoseOfTheLastCall() throws {
    let framework = TestFramework(cluster, suppressed: ["a"])
    _ = try TestAgent(cluster)
    #expect(framework.offers.isEmpty)
    framework.suppressed = []
    framework.update()
    #expect(framework.offers.count == 1)
    framework.decline(framework.offers, refuse: 1000)
    framework.clear()
    // Wanting offers again forgets what was refused, as REVIVE does.
    framework.update()
    cluster.pass(seconds: 2)
    #expect(framework.offers.isEmpty)
    framework.suppressed = ["a"]
    framework.update()
    framework.suppressed = []
    framework.update()
    #expect(framework.offers.count == 1)
    framework.suppressed = ["z"]
    #expect(
      framework.update()
        == .init(
          status: 400,
          text: "'UpdateFramework' call is not valid: Suppressed roles { z } are not contained in the set of roles"))
  }

  @Test func aRoleLeftAndTakenAgainIsWithoutFilters() throws {
    _ = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.decline(framework.offers, refuse: 1000)
    framework.clear()
    for roles in [[], ["a"]] {
      framework.info.roles = roles
      framework.update()
    }
    #expect(framework.offers.count == 1)
  }

  @Test func aDisconnectionForgetsWhatWasRefused() throws {
    _ = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.decline(framework.offers, refuse: 1000)
    framework.disconnect()
    framework.subscribe()
    #expect(framework.offers.count == 1)
  }

  @Test func agentsThatRunItAreToldOnceForEachChange() throws {
    let agent = try TestAgent(cluster)
    let idle = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    let offer = try #require(framework.offers.first { $0.agentID.value == agent.id })
    framework.launch([offer.id.value], [framework.task("t", on: agent.id)])
    framework.info.name = "renamed"
    framework.info.labels.labels = [.with { $0.key = "k" }]
    framework.info.webuiURL = "http://ui"
    framework.update()
    #expect(tells(agent).map(\.name) == ["renamed"])
    #expect(tells(agent).first?.labels == framework.info.labels)
    framework.update()
    framework.constraints = OfferConstraintTests.inRack("r1")
    framework.update()
    #expect(tells(agent).count == 1, "nothing of the information has changed")
    #expect(tells(idle).isEmpty)
    let shown = cluster.core.snapshot().frameworks.first
    #expect(shown?.info.name == "renamed" && shown?.info.webuiURL == "http://ui")
    #expect(shown?.offerConstraints == framework.constraints)
  }

  @Test func theNewFailoverTimeoutCountsFromTheNextDisconnection() throws {
    _ = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.info.failoverTimeout = 100
    framework.update()
    framework.disconnect()
    cluster.pass(seconds: 99)
    #expect(cluster.core.snapshot().frameworks.count == 1)
    framework.info.failoverTimeout = 10
    framework.subscribe()
    cluster.pass(seconds: 50)
    #expect(cluster.core.snapshot().frameworks.count == 1, "the timer of the first disconnection is void")
    framework.disconnect()
    cluster.pass(seconds: 11)
    #expect(cluster.core.snapshot().frameworks.isEmpty)
  }

  @Test func newCapabilitiesDecideAboutOffersAtOnce() throws {
    _ = try TestAgent(cluster, resources: "cpus:4;mem:4096;gpus:1")
    let framework = TestFramework(cluster)
    #expect(framework.offers.isEmpty)
    framework.info.capabilities.append(.with { $0.type = .gpuResources })
    framework.update()
    #expect(framework.offers.count == 1)
  }

  @Test func whatCannotChangeIsRefusedAsAWhole() throws {
    let framework = TestFramework(cluster)
    let change = { (text: String, edit: (inout MesosFrameworkInfo) -> Void) in
      let old = framework.info
      framework.info.name = "renamed"
      edit(&framework.info)
      #expect(framework.update() == .init(status: 400, text: text))
      framework.info = old
    }
    change("FrameworkInfo update is not valid: Changing framework's principal is not allowed.") { $0.principal = "p" }
    change(
      "FrameworkInfo update is not valid: Updating 'FrameworkInfo.checkpoint' is unsupported; attempted to update from "
        + "'true' to 'false'"
    ) { $0.checkpoint = false }
    change(
      "Supplied FrameworkInfo is not valid: 'FrameworkInfo.roles' contains invalid role: Role '/x' cannot start with a "
        + "slash"
    ) { $0.roles = ["/x"] }
    change("Supplied FrameworkInfo is not valid: The framework failover_timeout (1e+30) is invalid") {
      $0.failoverTimeout = 1e30
    }
    #expect(cluster.core.snapshot().frameworks.map(\.info.name) == ["test"])
  }

  @Test func rolesThatComeAndGoLeaveNothingBehind() throws {
    _ = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    for number in 0..<100 {
      framework.info.roles = ["r\(number)/x"]
      framework.update()
    }
    guard case .object(let view)? = cluster.core.explain(framework: framework.id, at: cluster.now),
      case .list(let roles)? = view["roles"]
    else {
      Issue.record("no explanation")
      return
    }
    #expect(roles.count == 1)
  }
}
