import Allocation
import ModuleHost
import Testing

/// A policy behind the border, over the master's real books: what it does wrong is refused, counted and logged.
@Suite struct AllocatorTests {
  private let workspace = try! Workspace()

  private func cluster(
    _ behaviour: String, activation: String = #"{"module": "org.example.fixture"}"#
  ) throws -> (Cluster, ModuleHost) {
    try workspace.build("allocator", as: "libfixture.so")
    let host = try workspace.host(
      """
      {"libraries": [{"name": "fixture", "modules": [
         {"name": "org.example.fixture", "parameters": {"behaviour": "\(behaviour)"}}]}],
       "allocator": \(activation)}
      """)
    var cluster = Cluster(policy: try host.loadAllocator(named: nil))
    try cluster.addAgents(2)
    cluster.addFramework("f1", "dev")
    return (cluster, host)
  }

  @Test func grantsArriveAndCallsAreCounted() throws {
    var (cluster, host) = try cluster("first")
    #expect(cluster.granted() == ["f1": 2])
    let statistics = host.modules[0].statistics
    #expect(statistics.calls == 1)
    #expect(statistics.totalNs > 0)
    #expect((statistics.failures, statistics.refusals) == (0, 0))
  }

  @Test func wildGrantsAreRefusedAndCounted() throws {
    var (cluster, host) = try cluster("wild ids")
    let cycle = cluster.cycle()
    // The one grant among them that is possible: agent 1 for claimant 0.
    #expect(cycle.grants.map(\.agent) == [1])
    #expect(cycle.invalidCount == 25)
    #expect(host.modules[0].statistics.refusals == 25)
    #expect(cycle.complaints.allSatisfy { $0.hasPrefix("org.example.fixture granted agent ") })
  }

  @Test func aFailureIsOneLineAndTheNextCycleComes() throws {
    var (cluster, host) = try cluster("fail")
    #expect(cluster.cycle().failure == "out of ideas")
    cluster.ledger.reconsider()
    try cluster.addAgents(1)
    #expect(cluster.cycle().failure == "out of ideas")
    #expect(host.modules[0].statistics.failures == 2)
  }

  @Test func withOnFailureSuspendItIsAskedNoMore() throws {
    var (cluster, host) = try cluster("fail", activation: #"{"module": "fixture", "on_failure": "suspend"}"#)
    #expect(cluster.cycle().failure == "out of ideas")
    try cluster.addAgents(1)
    #expect(cluster.cycle().failure == "suspended since it failed (out of ideas); restart to resume")
    #expect(host.modules[0].statistics.calls == 1)
  }

  @Test func anErrorTextBeyondItsRoomIsCut() throws {
    var (cluster, _) = try cluster("long text")
    let failure = try #require(cluster.cycle().failure)
    #expect(failure.allSatisfy { $0 == "x" })
    #expect((1...4096).contains(failure.count))
  }

  @Test func aStatusThatTheABIDoesNotDefineIsAFailure() throws {
    var (cluster, _) = try cluster("bad status")
    #expect(cluster.cycle().failure == "answered status -7, which the ABI does not define")
  }

  @Test func aCycleBeyondItsDeadlineIsLoggedByName() throws {
    var (cluster, host) = try cluster("slow", activation: #"{"module": "fixture", "deadline": "1ns"}"#)
    #expect(cluster.granted() == ["f1": 2])
    #expect(host.modules[0].statistics.overruns == 1)
    let line = try #require(workspace.log.lines.last)
    #expect(line.hasPrefix("warning: org.example.fixture: a cycle took "))
    #expect(line.hasSuffix(", its deadline is 1ns"))
  }
}
