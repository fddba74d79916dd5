import CTepui
import MasterCore
import Resources
import Testing
import Wire

/// A policy may do what it likes; the master lives and gives nothing away that is not there.
@Suite struct HostilePolicyTests {
  let cluster = TestCluster()

  @Test func impossibleGrantsAreRefusedCountedAndLoggedWithTheModulesName() throws {
    cluster.policy.script = { view, sink in
      let asks: [(UInt32, UInt32, [Int64]?)] = [
        (0, 0, [5_000_000, 0]), (0, 0, [-1, 0]), (99, 0, nil), (0, 99, nil), (.max, .max, [Int64.max, Int64.max]),
      ]
      for (agent, claimant, amounts) in asks {
        guard let amounts else {
          #expect(sink.pointee.grant(sink.pointee.context, agent, claimant, nil) == TEPUI_INVALID)
          continue
        }
        let row = amounts + [Int64](repeating: 0, count: Int(view.pointee.kinds))
        #expect(sink.pointee.grant(sink.pointee.context, agent, claimant, row) == TEPUI_INVALID)
      }
      return .done
    }
    _ = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    #expect(framework.offers.isEmpty)
    #expect(cluster.core.metrics.grantsInvalid >= 5)
    #expect(cluster.logLines.contains { $0.contains("org.test.policy") && $0.contains("more cpus than is free") })
    cluster.policy.script = TestPolicy.greedy
    cluster.pass(seconds: 2)
    #expect(try Resources(wire: framework.offers.first?.resources ?? []).total(of: "cpus") == Quantity(4))
  }

  @Test func aFailingPolicyIsLoggedAndAskedAgain() throws {
    cluster.policy.script = { _, _ in .failed("no idea") }
    _ = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    #expect(framework.offers.isEmpty)
    #expect(cluster.logLines.contains("allocator org.test.policy failed: no idea"))
    #expect(cluster.core.metrics.allocationFailures > 0)
    cluster.pass(seconds: 10)
    #expect(cluster.logLines.count { $0.contains("no idea") } == 1, "the same failure is not logged every second")
    cluster.policy.script = TestPolicy.greedy
    cluster.pass(seconds: 2)
    #expect(framework.offers.count == 1)
  }

  @Test func anIdleClusterAsksNoPolicy() throws {
    var cycles = 0
    cluster.policy.script = { view, sink in
      cycles += 1
      return TestPolicy.greedy(view, sink)
    }
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    cluster.pass(seconds: 10)
    let before = cycles
    for _ in 0..<10 {
      cluster.pass(seconds: 14)
      agent.pong()
    }
    #expect(cycles == before)
    #expect(framework.offers.count == 1)
  }

  @Test func aBurstOfEventsIsOneCycle() throws {
    var cycles = 0
    cluster.policy.script = { view, sink in
      cycles += 1
      return TestPolicy.greedy(view, sink)
    }
    let framework = TestFramework(cluster)
    for number in 0..<20 {
      var call = AgentCall()
      call.subscribe.agentInfo.hostname = "host"
      call.subscribe.agentInfo.resources = Resources([.scalar("cpus", 4)]).wire(.stack)
      call.subscribe.version = "1"
      call.subscribe.address = "10.0.0.\(number):5051"
      var calls = AgentCalls()
      calls.calls = [call]
      cluster.feed(.agentCalls(calls, from: cluster.connection()))
    }
    cluster.pass(seconds: 0.5)
    #expect(cycles == 1)
    #expect(framework.offers.count == 20)
  }
}
