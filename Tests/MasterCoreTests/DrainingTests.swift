import MasterCore
import Resources
import Testing
import Wire

/// Taking agents out of use and back.
@Suite struct DrainingTests {
  let cluster = TestCluster()

  /// An agent with task "t" running, and its framework.
  private func running() throws -> (TestAgent, TestFramework) {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.launch([try #require(framework.offers.last).id.value], [framework.task("t", on: agent.id)])
    agent.update("t", of: framework, .taskRunning)
    return (agent, framework)
  }

  private func drain(_ agent: TestAgent, graceSeconds: Int64? = nil, gone: Bool = false) -> TestCluster.Answer? {
    cluster.call(.drainAgent) {
      $0.drainAgent.agentID = agent.info.id
      if let graceSeconds { $0.drainAgent.maxGracePeriod.seconds = graceSeconds }
      $0.drainAgent.markGone = gone
    }
  }

  private func kills(_ agent: TestAgent) -> [AgentEvent.Kill] {
    agent.events.compactMap { if case .kill(let kill)? = $0.event { kill } else { nil } }
  }

  private func outstanding(_ framework: TestFramework) -> Set<String> {
    Set(framework.offers.map(\.id.value)).subtracting(framework.rescinded)
  }

  private var state: MesosDrainState? { cluster.core.snapshot().agents.first?.drain?.state }

  private func end(_ task: String, _ agent: TestAgent, _ framework: TestFramework) throws {
    agent.update(task, of: framework, .taskKilled)
    framework.acknowledge(try #require(framework.updates.last { $0.state == .taskKilled }))
  }

  @Test func aDrainingAgentLosesItsOffersAndTasksAndIsThenDrained() throws {
    let (agent, framework) = try running()
    #expect(drain(agent, graceSeconds: 1) == .init(status: 200, text: ""))
    #expect(kills(agent).map(\.taskID.value) == ["t"])
    #expect(kills(agent).first?.killPolicy.gracePeriod.nanoseconds == 1_000_000_000)
    #expect(state == .draining)
    let used = Set(framework.offers.prefix(1).map(\.id.value))
    #expect(outstanding(framework).subtracting(used).isEmpty)
    try end("t", agent, framework)
    #expect(state == .drained)
    framework.clear()
    framework.call(.revive)
    agent.live(seconds: 20)
    #expect(framework.offers.isEmpty)
  }

  @Test func aLongGracePeriodDoesNotLengthenTheTasksOwn() throws {
    let (agent, _) = try running()
    _ = drain(agent, graceSeconds: 600)
    #expect(kills(agent).first?.killPolicy.gracePeriod.nanoseconds == 3_000_000_000)
  }

  @Test func drainingGoesOnWithTheNextMaster() throws {
    let (agent, _) = try running()
    _ = drain(agent)
    let next = TestCluster(id: "next", records: cluster.records)
    let framework = TestFramework(next)
    let again = try TestAgent(next, address: agent.address, subscribes: false)
    again.info = agent.info
    again.subscribe()
    #expect(framework.offers.isEmpty)
    #expect(next.core.snapshot().agents.first?.drain?.state == .drained)
  }

  @Test func aReactivatedAgentIsOfferedAgain() throws {
    let (agent, framework) = try running()
    #expect(reactivate(agent) == .init(status: 400, text: "Agent is not deactivated"))
    _ = drain(agent)
    #expect(reactivate(agent) == .init(status: 400, text: "Agent is still in the DRAINING state"))
    try end("t", agent, framework)
    framework.clear()
    #expect(reactivate(agent) == .init(status: 200, text: ""))
    framework.call(.revive)
    #expect(framework.offers.count == 1)
    #expect(state == nil)
  }

  private func reactivate(_ agent: TestAgent) -> TestCluster.Answer? {
    cluster.call(.reactivateAgent) { $0.reactivateAgent.agentID = agent.info.id }
  }

  @Test func aDeactivatedAgentKeepsItsTasksButIsNotOffered() throws {
    let (agent, framework) = try running()
    let answer = cluster.call(.deactivateAgent) { $0.deactivateAgent.agentID = agent.info.id }
    #expect(answer?.status == 200)
    #expect(kills(agent).isEmpty)
    framework.clear()
    framework.call(.revive)
    #expect(framework.offers.isEmpty)
    #expect(cluster.core.snapshot().agents.first?.isDeactivated == true)
  }

  @Test func anAgentDrainedToBeGoneIsGone() throws {
    let (agent, framework) = try running()
    _ = drain(agent, gone: true)
    try end("t", agent, framework)
    #expect(cluster.core.snapshot().agents.isEmpty)
  }

  /// Whenever the master dies, the next one goes on to mark the agent gone.
  @Test func aMasterThatDiesWhileItDrainsLeavesNoAgentDrainedForEver() throws {
    let (agent, framework) = try running()
    let before = cluster.pastRecords.count
    _ = drain(agent, gone: true)
    try end("t", agent, framework)
    let moments = cluster.pastRecords.dropFirst(before)
    #expect(!moments.isEmpty)
    for records in moments {
      let next = TestCluster(id: "next", records: records)
      let again = try TestAgent(next, address: agent.address, subscribes: false)
      again.info = agent.info
      again.subscribe()
      #expect(next.core.snapshot().agents.isEmpty)
    }
  }

  /// The second request of an agent must not be answered before what the first one writes is safe.
  @Test func anAgentThatAsksTwiceIsAdmittedOnlyWhenItIsWritten() throws {
    let (agent, _) = try running()
    let next = TestCluster(id: "next")
    next.isWriting = false
    let again = try TestAgent(next, address: agent.address, subscribes: false)
    again.info = agent.info
    again.subscribe()
    again.subscribe()
    #expect(next.core.snapshot().agents.isEmpty && again.events.isEmpty)
    next.isWriting = true
    next.handle(.tick)
    #expect(next.core.snapshot().agents.map(\.id) == [agent.id])
    #expect(!again.events.isEmpty)
  }

  @Test func onlyAgentsOnListedHostsAreOffered() throws {
    let (agent, framework) = try running()
    cluster.handle(.whitelist([]))
    let used = Set(framework.offers.prefix(1).map(\.id.value))
    #expect(outstanding(framework).subtracting(used).isEmpty)
    framework.clear()
    framework.call(.revive)
    #expect(framework.offers.isEmpty)
    #expect(cluster.core.snapshot().frameworks.first?.tasks.count == 1)
    cluster.handle(.whitelist([agent.info.hostname]))
    #expect(framework.offers.count == 1)
    cluster.handle(.whitelist(nil))
    #expect(framework.rescinded.isEmpty)
  }

  @Test func tasksOfAnAgentMarkedGoneAreGoneAndItIsTurnedAway() throws {
    let (agent, framework) = try running()
    let answer = cluster.call(.markAgentGone) { $0.markAgentGone.agentID = agent.info.id }
    #expect(answer == .init(status: 200, text: ""))
    let last = framework.updates.last
    #expect(last?.state == .taskGoneByOperator && last?.reason == .agentRemovedByOperator)
    #expect(framework.events.contains { $0.type == .failure })
    let isTold = { (agent: TestAgent) in
      agent.events.contains { if case .shutdown? = $0.event { true } else { false } }
    }
    #expect(isTold(agent))
    let again = try TestAgent(cluster, address: agent.address, subscribes: false)
    again.info = agent.info
    again.subscribe()
    #expect(isTold(again) && cluster.core.snapshot().agents.isEmpty)
    #expect(cluster.call(.markAgentGone) { $0.markAgentGone.agentID = agent.info.id }?.status == 200)
    framework.clear()
    framework.call(.reconcile) { call in
      call.reconcile.tasks = [
        .with {
          $0.taskID.value = "t"
          $0.agentID = agent.info.id
        }
      ]
    }
    #expect(framework.updates.map(\.state) == [.taskGoneByOperator])
  }

  @Test func unknownAgentsAndBadDurationsAreRefused() throws {
    let agent = try TestAgent(cluster)
    #expect(drain(agent, graceSeconds: -1)?.status == 400)
    #expect(drain(agent, graceSeconds: .max)?.status == 400)
    #expect(state == nil)
    let stranger = MesosAgentID.with { $0.value = "nope" }
    #expect(
      cluster.call(.markAgentGone) { $0.markAgentGone.agentID = stranger }
        == .init(status: 404, text: "Agent 'nope' not found"))
    #expect(
      cluster.call(.drainAgent) { $0.drainAgent.agentID = stranger } == .init(status: 400, text: "Unknown agent"))
    #expect(
      cluster.call(.deactivateAgent) { $0.deactivateAgent.agentID = stranger }
        == .init(status: 400, text: "Unknown agent"))
  }
}
