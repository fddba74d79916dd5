import MasterCore
import Testing
import Wire

/// What a framework did, under the names that Mesos has for it in /metrics/snapshot.
@Suite struct FrameworkMetricsTests {
  let cluster = TestCluster()

  private func metrics() -> [String: ViewValue] {
    guard case .object(let all) = cluster.core.snapshot().metricsView(at: cluster.now) else { return [:] }
    return all
  }

  @Test func callsEventsOffersOperationsAndTasksOfAFrameworkAreCounted() throws {
    let agent = try TestAgent(cluster)
    var info = TestFramework.info(roles: ["a", "b"])
    info.name = "a name/with %"
    let framework = TestFramework(cluster, info, suppressed: ["b"])
    let offer = try #require(framework.offers.first)
    framework.launch([offer.id.value], [framework.task("t", on: agent.id), framework.task("u", on: agent.id)])
    agent.update("t", of: framework, .taskRunning)
    agent.update("u", of: framework, .taskFailed)
    let all = metrics()
    let prefix = "master/frameworks/a%20name%2Fwith%20%25/\(framework.id)"
    for (name, value) in [
      ("subscribed", 1), ("calls", 2), ("calls/subscribe", 1), ("calls/accept", 1), ("calls/decline", 0),
      ("events/subscribed", 1), ("events/update", 2), ("offers/accepted", 1), ("offers/declined", 0),
      ("operations", 1), ("operations/launch", 1), ("operations/reserve", 0), ("tasks/active/task_running", 1),
      ("tasks/active/task_staging", 0), ("tasks/terminal/task_failed", 1), ("roles/a/suppressed", 0),
      ("roles/b/suppressed", 1),
    ] as [(String, Double)] {
      #expect(all["\(prefix)/\(name)"] == .number(value), "\(name)")
    }
    #expect(all["master/messages_launch_tasks"] == 1.0 && all["master/messages_register_framework"] == 1.0)
    #expect(all["master/tasks_failed"] == 1.0 && all["master/valid_status_updates"] == 2.0)
    #expect(all["master/slave_registrations"] == 1.0 && all["master/slave_removals"] == 0.0)
  }

  @Test func whatTheMasterRefusesIsCountedByItsReason() throws {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.launch(["nothing"], [framework.task("t", on: agent.id)])
    let all = metrics()
    #expect(all["master/tasks_dropped"] == 1.0)
    #expect(all["master/task_dropped/source_master/reason_invalid_offers"] == 1.0)
    #expect(all["master/frameworks/test/\(framework.id)/tasks/terminal/task_dropped"] == 1.0)
  }
}
