import MasterCore
import Resources
import Testing
import Wire

@Suite struct UpdateTests {
  let cluster = TestCluster()
  let agent: TestAgent
  let framework: TestFramework

  init() throws {
    agent = try TestAgent(cluster)
    framework = TestFramework(cluster)
    framework.launch([framework.offers[0].id.value], [framework.task("t", on: agent.id)])
    framework.clear()
  }

  private var task: MasterTask? { cluster.core.snapshot().frameworks.first?.tasks.first }

  @Test func anUpdateReachesTheFrameworkWithAllThatItNeedsToAcknowledge() throws {
    agent.update("t", of: framework, .taskRunning)
    let status = try #require(framework.updates.first)
    #expect(status.state == .taskRunning)
    #expect(status.uuid.count == 16)
    #expect(status.agentID.value == agent.id)
    #expect(status.hasTimestamp)
    #expect(status.data.count == 7)
    #expect(task?.statuses.allSatisfy { !$0.message.hasData } ?? false)
  }

  @Test func anAcknowledgementGoesToTheAgent() throws {
    agent.update("t", of: framework, .taskRunning)
    let status = try #require(framework.updates.first)
    framework.acknowledge(status)
    let acknowledged = agent.events.compactMap { event -> AgentEvent.Acknowledge? in
      if case .acknowledge(let acknowledge)? = event.event { acknowledge } else { nil }
    }
    #expect(acknowledged.map(\.uuid) == [status.uuid])
    #expect(task?.state == .taskRunning)
  }

  @Test func resourcesAreFreeAtTheTerminalStateAndTheTaskStaysUntilAcknowledged() throws {
    let before = framework.offers.count
    agent.update("t", of: framework, .taskFinished)
    #expect(framework.offers.count == before + 1)
    #expect(task?.state == .taskFinished)
    framework.acknowledge(try #require(framework.updates.last))
    #expect(task == nil)
    #expect(cluster.core.snapshot().frameworks.first?.completedTasks.map(\.id) == ["t"])
  }

  @Test func theLatestStateFreesResourcesBeforeItsUpdateIsTold() {
    let before = framework.offers.count
    agent.update("t", of: framework, .taskRunning, latest: .taskFinished)
    #expect(framework.offers.count == before + 1)
    #expect(framework.updates.map(\.state) == [.taskRunning])
    framework.clear()
    framework.call(.reconcile) { $0.reconcile = .init() }
    #expect(framework.updates.map(\.state) == [.taskRunning], "the state told is the one last forwarded")
  }

  @Test func anUpdateIsNotCountedTwice() throws {
    agent.update("t", of: framework, .taskFinished)
    agent.update("t", of: framework, .taskFinished)
    let free = try Resources(wire: framework.offers.last?.resources ?? []).total(of: "cpus")
    #expect(free <= Quantity(4))
    #expect(cluster.core.metrics.taskEnds == [.taskFinished: 1])
    #expect(task?.statuses.count == 1)
  }

  @Test func aWrongUUIDDoesNotEndTheTask() throws {
    agent.update("t", of: framework, .taskFinished)
    var status = try #require(framework.updates.last)
    status.uuid = .init(repeating: 99, count: 16)
    framework.acknowledge(status)
    #expect(task != nil)
  }

  @Test func updatesForADisconnectedFrameworkAreDropped() {
    framework.disconnect()
    agent.update("t", of: framework, .taskRunning)
    framework.subscribe()
    #expect(framework.updates.isEmpty)
    #expect(task?.state == .taskRunning)
  }

  @Test func killGoesToTheAgentAndAKillOfNothingIsAReconciliation() {
    framework.call(.kill) { $0.kill.taskID.value = "t" }
    framework.call(.kill) { call in
      call.kill.taskID.value = "t"
      call.kill.agentID.value = "other"
    }
    let kills = agent.events.count { if case .kill? = $0.event { true } else { false } }
    #expect(kills == 1, "a kill on another agent is ignored")
    framework.call(.kill) { $0.kill.taskID.value = "unknown" }
    #expect(framework.updates.map(\.state) == [.taskUnknown])
    #expect(framework.updates.map(\.reason) == [.reconciliation])
  }

  @Test func aKillWaitsForADisconnectedAgent() {
    agent.disconnect()
    framework.call(.kill) { $0.kill.taskID.value = "t" }
    agent.subscribe(tasks: [agent.report(framework.task("t", on: agent.id), of: framework, .taskRunning)])
    let kills = agent.events.count { if case .kill? = $0.event { true } else { false } }
    #expect(kills == 1)
  }

  @Test func messagesGoBothWays() {
    framework.call(.message) { call in
      call.message.agentID.value = agent.id
      call.message.executorID.value = "e"
      call.message.data = .init([1, 2])
    }
    #expect(
      agent.events.contains {
        if case .message(let message)? = $0.event { message.data == .init([1, 2]) } else { false }
      })
    var call = AgentCall()
    call.agentID.value = agent.id
    call.message.frameworkID.value = framework.id
    call.message.executorID.value = "e"
    call.message.data = .init([3])
    agent.send([call])
    #expect(framework.events.last { $0.type == .message }?.message.data == .init([3]))
  }

  @Test func completedTasksAreBounded() throws {
    let cluster = TestCluster { $0.completedTaskLimit = 3 }
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.launch([framework.offers[0].id.value], (0..<4).map { framework.task("t\($0)", on: agent.id) })
    for number in 0..<4 {
      agent.update("t\(number)", of: framework, .taskFinished)
      framework.acknowledge(try #require(framework.updates.last))
    }
    #expect(cluster.core.snapshot().frameworks.first?.completedTasks.map(\.id) == ["t1", "t2", "t3"])
  }
}
