import MasterCore
import Resources
import Testing
import Wire

/// Asking frameworks to leave.
@Suite struct InverseOfferTests {
  let cluster = TestCluster()

  /// An agent that will be unavailable, and a framework with a task on all of it.
  private func asked(refuse: Double = 0) throws -> (TestAgent, TestFramework) {
    let agent = try TestAgent(cluster, resources: "cpus:1;mem:128")
    let framework = TestFramework(cluster)
    framework.launch([try #require(framework.offers.last).id.value], [framework.task("t", on: agent.id)])
    agent.update("t", of: framework, .taskRunning)
    framework.clear()
    cluster.schedule([agent.machine])
    return (agent, framework)
  }

  private func answer(
    _ framework: TestFramework, _ ids: [String], accept: Bool = true, refuse: Double? = nil
  ) {
    if accept {
      framework.call(.acceptInverseOffers) {
        $0.acceptInverseOffers.inverseOfferIds = ids.map(MesosOfferID.init)
        if let refuse { $0.acceptInverseOffers.filters.refuseSeconds = refuse }
      }
    } else {
      framework.call(.declineInverseOffers) {
        $0.declineInverseOffers.inverseOfferIds = ids.map(MesosOfferID.init)
        if let refuse { $0.declineInverseOffers.filters.refuseSeconds = refuse }
      }
    }
  }

  private var answers: [MesosMaintenanceInverseOfferStatus] { cluster.status.drainingMachines.flatMap(\.statuses) }

  @Test func aFrameworkWithATaskIsAskedOnce() throws {
    let (agent, framework) = try asked()
    let offer = try #require(framework.inverseOffers.first)
    #expect(offer.id.value == "master-O1")
    #expect(offer.frameworkID.value == framework.id)
    #expect(offer.agentID.value == agent.id)
    #expect(offer.url.path == "/slave(1)" && offer.url.address.ip == "10.0.0.1")
    #expect(offer.unavailability.start.nanoseconds == 5_000_000_000_000)
    #expect(offer.resources.isEmpty)
    agent.live(seconds: 20)
    #expect(framework.inverseOffers.count == 1)
    #expect(answers.isEmpty)
  }

  @Test(arguments: WireFormat.allCases) func operatorsSeeWhoIsAskedAndWhy(format: WireFormat) throws {
    cluster.policy.script = TestPolicy.exhaustive
    let (_, framework) = try asked()
    let other = try TestAgent(cluster, resources: "cpus:1;mem:128")
    cluster.schedule([other.machine])
    let bytes = try #require(cluster.core.snapshot().write(.with { $0.type = .getFrameworks }, format))
    let shown = try #require(
      try format.decode(MesosMasterResponse.self, from: bytes).getFrameworks.frameworks.first)
    // The first agent has left the schedule.
    #expect(shown.inverseOffers == framework.inverseOffers.suffix(1))
    #expect(shown.offers == framework.offers.suffix(1))
    #expect(shown.offers.first?.unavailability == shown.inverseOffers.first?.unavailability)
  }

  @Test func whoHoldsNothingIsNotAskedAndWhoHoldsAnOfferIs() throws {
    cluster.policy.script = TestPolicy.exhaustive
    let (agent, framework) = try asked()
    let idle = TestFramework(cluster)
    #expect(idle.inverseOffers.isEmpty)
    agent.update("t", of: framework, .taskFinished)
    let event = (framework.events + idle.events).last { $0.type == .offers }
    #expect(event?.offers.offers.first?.unavailability.start.nanoseconds == 5_000_000_000_000)
    framework.call(.suppress)
    framework.call(.decline) { $0.decline.offerIds = framework.offers.map(\.id) }
    #expect(idle.offers.count == 1)
    #expect(idle.inverseOffers.count == 1)
    // An inverse offer and an offer come in the order of their numbers.
    #expect(idle.events.map(\.type).filter { $0 != .heartbeat } == [.subscribed, .offers, .inverseOffers])
  }

  @Test func answersAreShownToOperators() throws {
    let (agent, framework) = try asked()
    answer(framework, [framework.inverseOffers[0].id.value])
    #expect(answers.map(\.status) == [.accept])
    #expect(answers[0].frameworkID.value == framework.id)
    #expect(Double(answers[0].timestamp.nanoseconds) / 1e9 == cluster.now.epochSeconds)
    #expect(cluster.status.drainingMachines.map(\.id) == [agent.machine])
    agent.live(seconds: 10)
    answer(framework, [try #require(framework.inverseOffers.last).id.value], accept: false)
    #expect(answers.map(\.status) == [.decline])
    cluster.schedule([agent.machine], start: 6)
    #expect(answers.isEmpty, "an answer to another plan says nothing")
    answer(framework, [try #require(framework.inverseOffers.last).id.value])
    framework.call(.teardown)
    #expect(answers.isEmpty)
  }

  @Test(arguments: [(nil, 5.0), (0.0, 1.0), (60.0, 60.0), (-1.0, 5.0)] as [(Double?, Double)])
  func whoHasAnsweredIsAskedAgainAfterItsFilter(refuse: Double?, seconds: Double) throws {
    let (_, framework) = try asked()
    answer(framework, [framework.inverseOffers[0].id.value], accept: false, refuse: refuse)
    framework.clear()
    cluster.pass(seconds: seconds - 0.1)
    #expect(framework.inverseOffers.isEmpty)
    cluster.pass(seconds: 0.2)
    #expect(framework.inverseOffers.count == 1)
  }

  @Test func reviveEndsTheFilter() throws {
    let (_, framework) = try asked()
    answer(framework, [framework.inverseOffers[0].id.value], refuse: 1000)
    framework.clear()
    framework.call(.revive)
    #expect(framework.inverseOffers.count == 1)
  }

  @Test func aChangedPlanTakesTheQuestionBackAndAsksAnew() throws {
    let (agent, framework) = try asked()
    let first = framework.inverseOffers[0].id.value
    cluster.schedule([agent.machine], start: 6)
    #expect(framework.rescindedInverse == [first])
    #expect(framework.inverseOffers.map(\.unavailability.start.nanoseconds) == [5_000_000_000_000, 6_000_000_000])
    answer(framework, [first])
    #expect(answers.isEmpty, "it was taken back")
    answer(framework, [try #require(framework.inverseOffers.last).id.value], refuse: 1000)
    framework.clear()
    cluster.schedule([agent.machine], start: 7)
    #expect(framework.inverseOffers.count == 1, "a new plan ends filters")
    framework.clear()
    cluster.schedule()
    #expect(framework.rescindedInverse.count == 1)
    agent.live(seconds: 20)
    #expect(framework.inverseOffers.isEmpty)
  }

  @Test func theQuestionIsTakenBackWhenTheAgentGoes() throws {
    let (agent, framework) = try asked()
    let id = framework.inverseOffers[0].id.value
    agent.disconnect()
    #expect(framework.rescindedInverse == [id])
    agent.subscribe(tasks: [agent.report(framework.task("t", on: agent.id), of: framework, .taskRunning)])
    #expect(framework.inverseOffers.count == 2)
    cluster.call(.deactivateAgent) { $0.deactivateAgent.agentID = agent.info.id }
    #expect(framework.rescindedInverse.count == 2)
    cluster.call(.reactivateAgent) { $0.reactivateAgent.agentID = agent.info.id }
    #expect(framework.inverseOffers.count == 3)
    cluster.down(agent.machine)
    #expect(framework.rescindedInverse.count == 3)
  }

  @Test func aFrameworkThatComesBackIsAskedAgain() throws {
    let (_, framework) = try asked()
    let first = framework.inverseOffers[0].id.value
    framework.disconnect()
    framework.subscribe()
    #expect(framework.inverseOffers.count == 1)
    #expect(framework.rescindedInverse.isEmpty)
    answer(framework, [first])
    #expect(answers.isEmpty)
    // Failed over without its stream having ended.
    framework.subscribe()
    #expect(framework.inverseOffers.count == 1)
  }

  @Test func theQuestionEndsAsOffersDoAndIsAskedAgain() throws {
    let (agent, framework) = try asked()
    agent.live(seconds: 310)
    #expect(framework.inverseOffers.count == 2)
    #expect(framework.rescindedInverse == [framework.inverseOffers[0].id.value])
  }

  @Test func answersOfOthersAndOfferIdsAreIgnored() throws {
    let (agent, framework) = try asked()
    let stranger = TestFramework(cluster)
    let id = framework.inverseOffers[0].id.value
    answer(stranger, [id])
    answer(framework, ["master-O0", "nonsense", ""])
    answer(framework, [])
    #expect(answers.isEmpty)
    framework.launch([id], [framework.task("u", on: agent.id)])
    #expect(framework.updates.last?.message == "Task launched with invalid offers: Offer \(id) is no longer valid")
    answer(framework, [id])
    #expect(answers.count == 1)
  }

  @Test func aTaskOnlyOfAnEarlierMasterIsAskedAboutWhenItsFrameworkIsBack() throws {
    let (agent, framework) = try asked()
    let next = TestCluster(id: "next", records: cluster.records)
    let again = try TestAgent(next, address: agent.address, subscribes: false)
    again.info = agent.info
    again.subscribe(
      tasks: [agent.report(framework.task("t", on: agent.id), of: framework, .taskRunning)],
      frameworks: [framework.info])
    var info = framework.info
    info.id.value = framework.id
    let back = TestFramework(next, info)
    #expect(back.inverseOffers.map(\.agentID.value) == [agent.id])
  }

  /// The shell sleeps until the deadline: nothing may be due all the time.
  @Test func anAskedClusterIsAtRest() throws {
    let (_, framework) = try asked()
    answer(framework, [framework.inverseOffers[0].id.value], refuse: 1000)
    framework.clear()
    cluster.pass(seconds: 60)
    #expect(framework.events.allSatisfy { $0.type == .heartbeat })
  }
}
