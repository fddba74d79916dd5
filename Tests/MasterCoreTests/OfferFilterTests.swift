import MasterCore
import Resources
import Testing
import Wire

/// FrameworkInfo.offer_filters: how little a framework takes for an offer.
@Suite struct OfferFilterTests {
  let cluster = TestCluster { $0.allocationPauseNs = 0 }

  init() { cluster.policy.script = TestPolicy.exhaustive }

  private func info(_ minimums: [String: [[String: Double]]], roles: [String] = ["a"]) -> MesosFrameworkInfo {
    var info = TestFramework.info(roles: roles)
    for (role, alternatives) in minimums {
      info.offerFilters[role] = .with { filters in
        filters.minAllocatableResources.quantities = alternatives.map { alternative in
          .with { $0.quantities = alternative.mapValues { amount in .with { $0.value = amount } } }
        }
      }
    }
    return info
  }

  @Test func anOfferHoldsAllOfSomeAlternative() throws {
    let wanting = info(["a": [["cpus": 2, "mem": 1000], ["disk": 100]]])
    _ = try TestAgent(cluster, resources: "cpus:8;mem:999")
    let both = try TestAgent(cluster, resources: "cpus:2;mem:1000")
    let disk = try TestAgent(cluster, resources: "disk:100")
    let framework = TestFramework(cluster, wanting)
    #expect(Set(framework.offers.map(\.agentID.value)) == [both.id, disk.id])
  }

  @Test func itStandsInPlaceOfTheMastersInItsRoleOnly() throws {
    let crumb = try TestAgent(cluster, resources: "cpus:0.001;disk:1")
    let other = TestFramework(cluster)
    let framework = TestFramework(cluster, info(["a": []], roles: ["a", "b"]))
    #expect(other.offers.isEmpty)
    #expect(framework.offers.map(\.agentID.value) == [crumb.id])
    #expect(framework.offers.map(\.allocationInfo.role) == ["a"])
  }

  @Test func itChangesWithTheFramework() throws {
    _ = try TestAgent(cluster, resources: "cpus:2;mem:1000")
    let framework = TestFramework(cluster, info(["a": [["cpus": 3]]]))
    #expect(framework.offers.isEmpty)
    framework.info = info(["a": [["cpus": 1]]])
    #expect(framework.update()?.status == 200)
    #expect(framework.offers.count == 1)
  }

  @Test func tooLittleIsExplainedAsSuch() throws {
    _ = try TestAgent(cluster, resources: "cpus:2;mem:1000")
    let framework = TestFramework(cluster, info(["a": [["cpus": 3]]]))
    guard case .object(let view)? = cluster.core.explain(framework: framework.id, at: cluster.now),
      case .list(let roles)? = view["roles"], case .object(let role)? = roles.first
    else {
      Issue.record("no explanation")
      return
    }
    #expect(role["agents_by_reason"] == ["less than the smallest offer": .integer(1)])
  }

  @Test(
    arguments: [
      ([:], "Resource quantities must contain at least one quantity"),
      (["cpus": -1], "Invalid resource quantity for 'cpus': Negative values not supported"),
      (["cpus": .infinity], "Invalid resource quantity for 'cpus': Infinite values not supported"),
      (["cpus": .nan], "Invalid resource quantity for 'cpus': NaN not supported"),
      (["cpus": .leastNonzeroMagnitude], "Invalid resource quantity for 'cpus': Subnormal values not supported"),
    ] as [([String: Double], String)]) func nonsenseIsRefused(quantities: [String: Double], problem: String)
  {
    #expect(TestFramework(cluster, info(["a": [quantities]])).errors == [problem])
    let framework = TestFramework(cluster)
    framework.info = info(["a": [quantities]])
    #expect(framework.update() == .init(status: 400, text: "Supplied FrameworkInfo is not valid: \(problem)"))
  }

  @Test func amountsBeyondAllAgentsAreOnlyNeverMet() throws {
    _ = try TestAgent(cluster)
    let framework = TestFramework(cluster, info(["a": [["cpus": 0x1p63], ["mem": 1e300]]]))
    #expect(framework.errors == [] && framework.offers.isEmpty)
  }
}
