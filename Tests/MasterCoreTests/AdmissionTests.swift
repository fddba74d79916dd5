import MasterCore
import Resources
import Testing
import Wire

/// Which agents belong to the cluster, over the lives of masters.
@Suite struct AdmissionTests {
  let cluster = TestCluster()

  private func next(_ change: (inout MasterConfiguration) -> Void = { _ in }) -> TestCluster {
    TestCluster(id: "next", records: cluster.records, change)
  }

  /// The same agent, as it subscribes at another master.
  private func comeBack(_ agent: TestAgent, at cluster: TestCluster) throws -> TestAgent {
    let again = try TestAgent(cluster, address: agent.address, subscribes: false)
    again.info = agent.info
    again.subscribe()
    return again
  }

  private func reconcile(_ framework: TestFramework, agent: String) -> [MesosTaskState] {
    framework.clear()
    framework.call(.reconcile) { call in
      call.reconcile.tasks = [
        .with {
          $0.taskID.value = "t"
          $0.agentID.value = agent
        }
      ]
    }
    return framework.updates.map(\.state)
  }

  @Test func anAgentIsAdmittedOnlyWhenTheRegistryHasIt() throws {
    cluster.isWriting = false
    let agent = try TestAgent(cluster)
    #expect(agent.events.isEmpty)
    #expect(cluster.core.snapshot().agents.isEmpty)
    cluster.isWriting = true
    cluster.handle(.tick)
    #expect(agent.events.count == 1)
    #expect(cluster.core.snapshot().agents.count == 1)
  }

  @Test func aMasterWaitsForTheAgentsOfTheOneBeforeAndThenCallsThemUnreachable() throws {
    let agent = try TestAgent(cluster)
    let other = try TestAgent(cluster)
    let next = next()
    let framework = TestFramework(next)
    #expect(next.core.snapshot().recoveredAgents.count == 2)
    #expect(reconcile(framework, agent: agent.id) == [])
    let back = try comeBack(agent, at: next)
    #expect(back.id == agent.id)
    back.live(seconds: 601)
    #expect(next.core.snapshot().recoveredAgents.isEmpty)
    #expect(framework.events.filter { $0.type == .failure }.map(\.failure.agentID.value) == [other.id])
    #expect(reconcile(framework, agent: other.id) == [.taskUnreachable])
    // It may still come back.
    let late = try comeBack(other, at: next)
    #expect(late.id == other.id)
    #expect(next.core.snapshot().agents.count == 2)
    #expect(next.core.snapshot().unreachableAgentCount == 0)
  }

  @Test func anUnreachableAgentIsKnownAsSuchToTheNextMaster() throws {
    let agent = try TestAgent(cluster)
    agent.disconnect()
    cluster.pass(seconds: 601)
    cluster.handle(.tick)
    let next = next()
    #expect(next.core.snapshot().recoveredAgents.isEmpty)
    #expect(reconcile(TestFramework(next), agent: agent.id) == [.taskUnreachable])
  }

  @Test func lostAgentsAreForgottenInTheEnd() throws {
    let cluster = TestCluster {
      $0.lostAgentLimit = 2
      $0.lostAgentAgeSeconds = 7200
    }
    for _ in 0..<4 {
      let agent = try TestAgent(cluster, address: "10.0.0.\(cluster.records.count):1")
      agent.disconnect()
      cluster.pass(seconds: 601)
    }
    cluster.pass(seconds: 1000)
    cluster.handle(.tick)
    #expect(cluster.records.count == 2)
    cluster.pass(seconds: 9000)
    cluster.handle(.tick)
    #expect(cluster.records.isEmpty)
  }

  @Test func anAgentThatUnregistersIsForgotten() throws {
    let agent = try TestAgent(cluster)
    var call = AgentCall()
    call.agentID = agent.info.id
    call.unsubscribe = .init()
    agent.send([call])
    #expect(cluster.records.isEmpty)
  }

  @Test func damagedRecordsAreNamed() {
    #expect { _ = try RegistryState(records: ["agent/a": [0xff, 0xff]]) } throws: {
      ($0 as? RegistryError)?.key == "agent/a"
    }
    #expect(throws: Never.self) { _ = try RegistryState(records: ["newer/x": [1], "strange": []]) }
  }
}
