import MasterCore
import Resources
import Testing
import Wire

/// Fault domains: where the master and its agents are.
@Suite struct DomainTests {
  let cluster = TestCluster { $0.domain = DomainTests.domain("eu", "rack1") }

  private static func domain(_ region: String, _ zone: String) -> MesosDomainInfo {
    .with {
      $0.faultDomain.region.name = region
      $0.faultDomain.zone.name = zone
    }
  }

  private func agent(_ domain: MesosDomainInfo?, in cluster: TestCluster) throws -> TestAgent {
    let agent = try TestAgent(cluster, resources: "cpus:1;mem:128", subscribes: false)
    if let domain { agent.info.domain = domain }
    agent.subscribe()
    return agent
  }

  private func explained(_ framework: TestFramework) -> ViewValue? {
    guard case .object(let view)? = cluster.core.explain(framework: framework.id, at: cluster.now),
      case .list(let roles)? = view["roles"], case .object(let role)? = roles.first
    else { return nil }
    return role["agents_by_reason"]
  }

  @Test func agentsOfAnotherRegionAreForFrameworksThatKnowOfRegions() throws {
    let remote = try agent(Self.domain("us", "rack1"), in: cluster)
    let plain = TestFramework(cluster)
    #expect(plain.offers.isEmpty)
    #expect(
      explained(plain) == ["in another region, which the framework does not ask for": .integer(1)])
    let aware = TestFramework(cluster, TestFramework.info([.multiRole, .regionAware]))
    #expect(aware.offers.map(\.agentID.value) == [remote.id])
    #expect(aware.offers.first?.domain == Self.domain("us", "rack1"))
  }

  @Test(arguments: [domain("eu", "rack9"), MesosDomainInfo(), nil])
  func agentsOfTheSameRegionOrOfNoneAreForAll(domain: MesosDomainInfo?) throws {
    let near = try agent(domain, in: cluster)
    let framework = TestFramework(cluster)
    #expect(framework.offers.map(\.agentID.value) == [near.id])
    #expect(framework.offers.first?.hasDomain == (domain != nil))
  }

  @Test func aFrameworkThatLearnsOfRegionsIsOfferedThemAndOneThatForgetsIsNot() throws {
    _ = try agent(Self.domain("us", "rack1"), in: cluster)
    let framework = TestFramework(cluster)
    framework.info = TestFramework.info([.multiRole, .regionAware])
    framework.subscribe()
    #expect(framework.offers.count == 1)
    framework.info = TestFramework.info()
    framework.subscribe()
    #expect(framework.offers.isEmpty)
  }

  @Test func anAgentThatComesBackElsewhereIsJudgedAnew() throws {
    let agent = try agent(Self.domain("us", "rack1"), in: cluster)
    let framework = TestFramework(cluster)
    agent.disconnect()
    agent.info.domain = Self.domain("eu", "rack1")
    agent.subscribe()
    #expect(framework.offers.count == 1)
    agent.disconnect()
    agent.info.domain = Self.domain("us", "rack1")
    agent.subscribe()
    #expect(framework.rescinded.count == 1)
    #expect(framework.offers.count == 1)
  }

  @Test func noPolicyMayGrantARemoteAgentToOthers() throws {
    cluster.policy.script = { view, sink in
      for agent in 0..<view.pointee.agents { _ = sink.pointee.grant(sink.pointee.context, agent, 0, nil) }
      return .done
    }
    _ = try agent(Self.domain("us", "rack1"), in: cluster)
    let framework = TestFramework(cluster)
    let aware = TestFramework(cluster, TestFramework.info([.multiRole, .regionAware]))
    #expect(framework.offers.isEmpty && aware.offers.isEmpty)
    #expect(cluster.logLines.contains { $0.contains("the agent is blocked for the claimant") })
  }

  @Test func aMasterWithoutADomainTurnsAwayAgentsThatHaveOne() throws {
    let cluster = TestCluster()
    let agent = try agent(Self.domain("eu", "rack1"), in: cluster)
    #expect(
      cluster.answers[agent.connection]
        == .refused(
          "Agent at 10.0.0.1:5051 is configured with domain "
            + #"{"fault_domain":{"region":{"name":"eu"},"zone":{"name":"rack1"}}} but the master has no configured domain"#
            + "; start the master with --domain or the agent without"))
    // It may come back, and its tasks live on: it is not told to end.
    #expect(agent.events.isEmpty)
    #expect(cluster.records.isEmpty)
  }

  @Test func domainsMayBeRequired() throws {
    let cluster = TestCluster {
      $0.domain = Self.domain("eu", "rack1")
      $0.requiresAgentDomain = true
    }
    let without = try agent(nil, in: cluster)
    #expect(cluster.answers[without.connection]?.status == 400)
    #expect(cluster.answers[without.connection]?.text.contains("require agent domains") ?? false)
    #expect(!(try agent(Self.domain("eu", "rack2"), in: cluster).id.isEmpty))
  }

  @Test func frameworksLearnWhereTheMasterIs() {
    let framework = TestFramework(cluster)
    #expect(framework.events.first?.subscribed.masterInfo.domain == Self.domain("eu", "rack1"))
    #expect(!TestFramework(TestCluster()).events[0].subscribed.masterInfo.hasDomain)
  }
}
