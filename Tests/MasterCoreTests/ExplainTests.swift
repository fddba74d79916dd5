import Allocation
import MasterCore
import Resources
import Testing
import Wire

@Suite struct ExplainTests {
  let cluster = TestCluster()

  private func explain(_ framework: TestFramework) throws -> [String: ViewValue] {
    let view = try #require(cluster.core.explain(framework: framework.id, at: cluster.now))
    guard case .object(let members) = view else { return [:] }
    return members
  }

  /// Of the framework's only role.
  private func role(_ framework: TestFramework) throws -> [String: ViewValue] {
    guard case .list(let roles)? = try explain(framework)["roles"], case .object(let role)? = roles.first else {
      return [:]
    }
    return role
  }

  private func reasons(_ framework: TestFramework) throws -> ViewValue? { try role(framework)["agents_by_reason"] }

  @Test func eachReasonOfTheHostIsCountedByAgent() throws {
    cluster.policy.script = { _, _ in .done }
    _ = try TestAgent(cluster, resources: "cpus:4;mem:4096")
    _ = try TestAgent(cluster, resources: "cpus(x):4;mem(x):4096")
    _ = try TestAgent(cluster, resources: "cpus:4;mem:4096;gpus:1")
    _ = try TestAgent(cluster, resources: "disk:10")
    _ = try TestAgent(cluster, resources: "cpus:4;mem:4096")
    let gone = try TestAgent(cluster, resources: "cpus:4;mem:4096")
    gone.disconnect()
    let framework = TestFramework(cluster)
    #expect(
      try reasons(framework)
        == [
          "agent not offered": .integer(1), "reserved for others": .integer(1),
          "has GPUs, which the framework does not ask for": .integer(1), "less than the smallest offer": .integer(1),
          "behind others in the order of the policy": .integer(2),
        ])
    #expect(try explain(framework)["agents"] == ["disconnected": .integer(1)])
  }

  @Test func refusalsQuotasAndSuppressionAreTold() throws {
    cluster.policy.script = TestPolicy.exhaustive
    _ = try TestAgent(cluster, resources: "cpus:4;mem:4096")
    let framework = TestFramework(cluster)
    #expect(try reasons(framework) == ["nothing free": .integer(1)])
    framework.call(.decline) {
      $0.decline.offerIds = framework.offers.map(\.id)
      $0.decline.filters.refuseSeconds = 1000
    }
    #expect(try reasons(framework) == ["refused by the framework": .integer(1)])
    #expect(try role(framework)["offers_made"] == .number(1))
    _ = cluster.call(.updateQuota) {
      $0.updateQuota.quotaConfigs = [
        .with {
          $0.role = "a"
          $0.limits = ["cpus": .with { $0.value = 0 }, "mem": .with { $0.value = 0 }]
        }
      ]
    }
    framework.call(.revive)
    #expect(try reasons(framework) == ["held back by quota": .integer(1)])
    framework.call(.suppress)
    #expect(try role(framework)["state"] == .text("suppressed"))
    #expect(cluster.core.explain(framework: "nobody", at: cluster.now) == nil)
  }

  @Test func aFrameworkThatStarvesIsReportedOnceASpell() throws {
    var isFair = false
    cluster.policy.script = { view, sink in isFair ? TestPolicy.exhaustive(view, sink) : .done }
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    let reports = { self.cluster.logLines.filter { $0.contains("has had no offer") }.count }
    agent.live(seconds: 29)
    #expect(reports() == 0)
    agent.live(seconds: 60)
    #expect(reports() == 1)
    #expect(try role(framework)["starving"] == .boolean(true))
    isFair = true
    framework.call(.revive)
    agent.live(seconds: 5)
    #expect(framework.offers.count == 1)
    #expect(try role(framework)["starving"] == .boolean(false))
  }

  @Test func theReportHasTheReasonsOfThePolicy() throws {
    cluster.policy.script = { _, _ in .done }
    cluster.policy.reasons = [("claimants before it", 3), ("bad luck", 7)]
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    agent.live(seconds: 40)
    let report = try #require(cluster.logLines.first { $0.contains("has had no offer") })
    #expect(report.contains("the policy org.test.policy says: claimants before it (3), bad luck (7); "))
    #expect(report.contains("Framework \(framework.id) (test) has had no offer in role a for 30 s"))
    #expect(
      try role(framework)["policy"] == [
        ["reason": .text("claimants before it"), "count": .number(3)],
        ["reason": .text("bad luck"), "count": .number(7)],
      ])
  }

  @Test func nobodyStarvesWhoHasWhatThereIsOrWantsNothing() throws {
    cluster.policy.script = TestPolicy.exhaustive
    let agent = try TestAgent(cluster)
    let holder = TestFramework(cluster)
    let waiting = TestFramework(cluster)
    let quiet = TestFramework(cluster)
    quiet.call(.suppress)
    agent.live(seconds: 100)
    #expect(holder.offers.count + waiting.offers.count == 1)
    #expect(!cluster.logLines.contains { $0.contains("has had no offer") })
  }
}
