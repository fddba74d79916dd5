import MasterCore
import Resources
import Testing
import Wire

@Suite struct OfferTests {
  let cluster = TestCluster()

  @Test func anOfferSaysWhereAndWhat() throws {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    let offer = try #require(framework.offers.first)
    #expect(offer.id.value == "master-O0")
    #expect(offer.frameworkID.value == framework.id)
    #expect(offer.agentID.value == agent.id)
    #expect(offer.hostname == "host")
    #expect(offer.url.address.ip == "10.0.0.1")
    #expect(offer.url.address.port == 5051)
    #expect(offer.url.path == "/slave(1)")
    #expect(offer.allocationInfo.role == "a")
    #expect(
      try Resources(wire: offer.resources)
        == Resources(parsing: "cpus:4;mem:4096;ports:[31000-32000]").allocated(to: "a"))
  }

  @Test func aFrameworkOfOneRoleDoesNotSeeIt() throws {
    _ = try TestAgent(cluster)
    let framework = TestFramework(cluster, TestFramework.info([]))
    let offer = try #require(framework.offers.first)
    #expect(!offer.hasAllocationInfo)
    #expect(offer.resources.allSatisfy { !$0.hasAllocationInfo && $0.role == "*" })
    framework.launch([offer.id.value], [framework.task("t", on: offer.agentID.value)])
    #expect(framework.updates.isEmpty)
  }

  @Test func allOffersOfACycleComeInOneEvent() throws {
    for _ in 0..<5 { _ = try TestAgent(cluster) }
    let framework = TestFramework(cluster)
    #expect(framework.events.filter { $0.type == .offers }.map(\.offers.offers.count) == [5])
  }

  @Test func manyOffersComeInPiecesThatLetOthersBeHeard() throws {
    let framework = TestFramework(cluster, suppressed: ["a"])
    let agents = try (0..<1200).map { try TestAgent(cluster, address: "10.0.\($0 / 100).\($0 % 100):5051") }
    var revive = SchedulerCall()
    revive.type = .revive
    revive.frameworkID.value = framework.id
    cluster.turn(
      .schedulerCall(revive, from: cluster.connection(), streamID: cluster.streamIDs[framework.connection]))
    #expect(framework.offers.count == 100)
    // One that the framework has not heard of yet, and one that it has.
    let told = framework.offers[0].agentID.value
    let toldOffer = framework.offers[0].id.value
    let untold = try #require(agents.map(\.id).first { id in !framework.offers.contains { $0.agentID.value == id } })
    for agent in [untold, told] { cluster.call(.markAgentGone) { $0.markAgentGone.agentID.value = agent } }
    #expect(framework.offers.count < 1199)
    cluster.pass(seconds: 1)
    #expect(framework.offers.count == 1199)
    #expect(Set(framework.offers.map(\.agentID.value)).count == 1199)
    #expect(!framework.offers.contains { $0.agentID.value == untold })
    #expect(framework.rescinded == [toldOffer])
    let counts = framework.events.filter { $0.type == .offers }.map(\.offers.offers.count)
    #expect(counts.allSatisfy { $0 <= 100 })
    #expect(cluster.core.metrics.offersSent == 1199)
  }

  /// The next cycle waits for as long as the offers of this one take to be handled.
  @Test func manyThatAreDeclinedAtOnceAreNotOfferedToTheNextAtOnce() throws {
    let cluster = TestCluster { $0.agentsPerCycle = 2000 }
    let first = TestFramework(cluster, suppressed: ["a"])
    for number in 0..<2000 { _ = try TestAgent(cluster, address: "10.0.\(number / 100).\(number % 100):5051") }
    first.call(.revive)
    cluster.pass(seconds: 0.2)
    #expect(first.offers.count == 2000)
    let second = TestFramework(cluster)
    first.call(.decline) { call in
      call.decline.offerIds = first.offers.map(\.id)
      call.decline.filters.refuseSeconds = 60
    }
    #expect(second.offers.isEmpty)
    cluster.pass(seconds: 1)
    #expect(second.offers.count == 2000)
  }

  /// Whoever grants ten thousand agents at once does nothing else for that while.
  @Test func agentsBeyondWhatACycleLooksAtAreOfferedByTheNextOnes() throws {
    let cluster = TestCluster { $0.agentsPerCycle = 5 }
    let framework = TestFramework(cluster, suppressed: ["a"])
    for number in 0..<12 { _ = try TestAgent(cluster, address: "10.0.0.\(number):5051") }
    framework.call(.revive)
    cluster.pass(seconds: 1)
    #expect(framework.events.filter { $0.type == .offers }.map(\.offers.offers.count) == [5, 5, 2])
    #expect(Set(framework.offers.map(\.agentID.value)).count == 12)
  }

  @Test func aDeclinedOfferComesBackAfterFiveSecondsByDefault() throws {
    _ = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    let id = framework.offers[0].id
    framework.clear()
    framework.call(.decline) { $0.decline.offerIds = [id] }
    cluster.pass(seconds: 4.9)
    #expect(framework.offers.isEmpty)
    cluster.pass(seconds: 0.2)
    #expect(framework.offers.count == 1)
  }

  @Test(arguments: [(0.0, 0.1), (0.1, 1.1), (-3.0, 5.1), (Double.nan, 5.1), (60.0, 60.1)])
  func refuseSecondsAreWhatMesosMakesOfThem(refuse: Double, until: Double) throws {
    _ = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    let id = framework.offers[0].id
    framework.clear()
    framework.call(.decline) { call in
      call.decline.offerIds = [id]
      call.decline.filters.refuseSeconds = refuse
    }
    if until > 1 {
      cluster.pass(seconds: until - 0.2)
      #expect(framework.offers.isEmpty)
    }
    cluster.pass(seconds: 0.3)
    #expect(framework.offers.count == 1)
  }

  @Test func aRefusalForEverIsCutToAYear() throws {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    let id = framework.offers[0].id
    framework.clear()
    framework.call(.decline) { call in
      call.decline.offerIds = [id]
      call.decline.filters.refuseSeconds = 4_294_967_295
    }
    agent.live(seconds: 3600)
    #expect(framework.offers.isEmpty)
    framework.call(.revive)
    #expect(framework.offers.count == 1)
  }

  @Test func suppressedRolesGetNoOffersUntilRevived() throws {
    let framework = TestFramework(cluster)
    framework.call(.suppress)
    _ = try TestAgent(cluster)
    #expect(framework.offers.isEmpty)
    framework.call(.revive) { $0.revive.roles = ["unknown"] }
    #expect(framework.offers.isEmpty)
    framework.call(.revive) { $0.revive.roles = ["a"] }
    #expect(framework.offers.count == 1)
  }

  @Test func anOfferThatLiesTooLongIsRescindedAndMadeAgain() throws {
    let cluster = TestCluster { $0.offerTimeoutNs = 30_000_000_000 }
    _ = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    cluster.pass(seconds: 31)
    #expect(framework.rescinded == ["master-O0"])
    #expect(framework.offers.map(\.id.value) == ["master-O0", "master-O1"])
  }

  @Test func whatADisconnectedFrameworkHeldGoesToOthers() throws {
    _ = try TestAgent(cluster)
    let first = TestFramework(cluster)
    let second = TestFramework(cluster)
    #expect(first.offers.count == 1)
    #expect(second.offers.isEmpty)
    first.disconnect()
    #expect(second.offers.count == 1)
  }

  @Test func aDisconnectedAgentsOffersAreRescinded() throws {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    agent.disconnect()
    #expect(framework.rescinded == ["master-O0"])
    framework.clear()
    agent.subscribe()
    #expect(framework.offers.count == 1)
  }
}
