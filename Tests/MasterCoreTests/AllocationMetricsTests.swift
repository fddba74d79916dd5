import MasterCore
import Resources
import Testing
import Wire

@Suite struct AllocationMetricsTests {
  let cluster = TestCluster { $0.allocation.excludedFromFairness = ["gpus"] }

  /// The numbers under a prefix, without it.
  private func metrics(_ prefix: String) -> [String: Double] {
    guard case .object(let all) = cluster.core.snapshot().metricsView(at: cluster.now) else { return [:] }
    var found: [String: Double] = [:]
    for (name, value) in all where name.hasPrefix(prefix) {
      if case .number(let number) = value { found[String(name.dropFirst(prefix.utf8.count))] = number }
    }
    return found
  }

  @Test func sharesAndAmountsAreThoseOfMesosForTheSameCluster() throws {
    // Exchange 156: one role with a task, another that was offered the rest.
    cluster.policy.script = TestPolicy.exhaustive
    let agent = try TestAgent(cluster, resources: "cpus:8;mem:8192;disk:10000;gpus:1")
    let first = TestFramework(cluster, TestFramework.info([.multiRole, .gpuResources], roles: ["a/b"]))
    first.launch([try #require(first.offers.last).id.value], [first.task("t", on: agent.id, cpus: 2)])
    cluster.pass(seconds: 2)
    first.decline([try #require(first.offers.last)], refuse: 1000)
    #expect(metrics("allocator/mesos/offer_filters/roles/") == ["a/b/active": 1])
    let second = TestFramework(cluster, TestFramework.info([.multiRole, .gpuResources], roles: ["c"]))
    cluster.pass(seconds: 2)
    #expect(second.offers.count == 1)

    #expect(
      metrics("allocator/mesos/resources/cpus/") == ["total": 8, "offered_or_allocated": 8])
    #expect(
      metrics("allocator/mesos/resources/mem/") == ["total": 8192, "offered_or_allocated": 8192])
    let shares = metrics("allocator/mesos/roles/")
    // All gpus are offered to c, but they do not count.
    #expect(shares == ["a/shares/dominant": 0.25, "a/b/shares/dominant": 0.25, "c/shares/dominant": 1])
    cluster.call(.updateWeights) {
      $0.updateWeights.weightInfos = [
        .with {
          $0.role = "a"
          $0.weight = 2
        }
      ]
    }
    #expect(metrics("allocator/mesos/roles/a/")["shares/dominant"] == 0.125)
    first.call(.revive)
    #expect(metrics("allocator/mesos/offer_filters/roles/")["a/b/active"] == 0)
  }

  @Test func quotasAreShownWithWhatCountsAgainstThem() throws {
    let agent = try TestAgent(cluster)
    cluster.call(.updateQuota) {
      $0.updateQuota.quotaConfigs = [
        .with {
          $0.role = "a"
          $0.guarantees["cpus"] = .with { $0.value = 1 }
          $0.limits["cpus"] = .with { $0.value = 3 }
        }
      ]
    }
    let framework = TestFramework(cluster)
    framework.launch([try #require(framework.offers.last).id.value], [framework.task("t", on: agent.id, cpus: 2)])
    let quota = metrics("allocator/mesos/quota/roles/a/resources/")
    #expect(quota["cpus/guarantee"] == 1 && quota["cpus/limit"] == 3 && quota["cpus/consumed"] == 2)
  }

  @Test func operationsAreCountedByTypeAndEnd() throws {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.call(.accept) {
      $0.accept.offerIds = [framework.offers.last?.id ?? .init()]
      $0.accept.operations = [
        OperationTests.message(.reserve([OperationTests.reserved("cpus", 1)]), id: "fine"),
        OperationTests.message(.reserve([OperationTests.reserved("cpus", 100)]), id: "much"),
      ]
    }
    let counted = { self.metrics("master/operations/").filter { $0.value != 0 } }
    #expect(
      counted() == [
        "pending": 1, "reserve/pending": 1, "error": 1, "reserve/error": 1, "total": 2, "reserve/total": 2,
      ])
    agent.disconnect()
    // It never arrived there.
    agent.subscribe()
    #expect(
      counted() == [
        "dropped": 1, "reserve/dropped": 1, "error": 1, "reserve/error": 1, "total": 2, "reserve/total": 2,
      ])
    #expect(metrics("master/operations/").count == 9 * 9)
  }
}
