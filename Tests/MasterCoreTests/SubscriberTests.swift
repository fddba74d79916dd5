import MasterCore
import Testing
import Wire

@Suite struct SubscriberTests {
  let cluster = TestCluster { $0.subscriberLimit = 3 }

  private func subscribe() -> ConnectionID {
    let connection = cluster.connection()
    cluster.handle(.operatorCall(.with { $0.type = .subscribe }, from: connection))
    return connection
  }

  private func events(_ connection: ConnectionID) -> [MesosMasterEvent] {
    cluster.toOperators[connection]?.events.filter { $0.type != .heartbeat } ?? []
  }

  private func heartbeats(_ connection: ConnectionID) -> Int {
    cluster.toOperators[connection]?.events.count { $0.type == .heartbeat } ?? 0
  }

  private func runTask() throws -> (agent: TestAgent, framework: TestFramework) {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.launch([framework.offers[0].id.value], [framework.task("t", on: agent.id)])
    return (agent, framework)
  }

  @Test func aStreamBeginsWithTheStateAndAHeartbeat() throws {
    let (agent, framework) = try runTask()
    let stream = subscribe()
    let state = try #require(cluster.toOperators[stream]).state
    for format in WireFormat.allCases {
      let event = try format.decode(MesosMasterEvent.self, from: state.writeSubscribed(format))
      #expect(event.type == .subscribed && event.subscribed.heartbeatIntervalSeconds == 15)
      #expect(event.subscribed.getState.getTasks.tasks.map(\.taskID.value) == ["t"])
      #expect(event.subscribed.getState.getAgents.agents.map(\.agentInfo.id.value) == [agent.id])
      #expect(event.subscribed.getState.getFrameworks.frameworks.map(\.frameworkInfo.id.value) == [framework.id])
    }
    #expect(heartbeats(stream) == 1)
    agent.live(seconds: 45)
    #expect(heartbeats(stream) == 4)
  }

  @Test func whatComesIsTold() throws {
    let stream = subscribe()
    let (agent, framework) = try runTask()
    #expect(events(stream).map(\.type) == [.agentAdded, .frameworkAdded, .taskAdded])
    #expect(events(stream)[0].agentAdded.agent.agentInfo.id.value == agent.id)
    #expect(events(stream)[0].agentAdded.agent.active)
    #expect(events(stream)[1].frameworkAdded.framework.frameworkInfo.id.value == framework.id)
    #expect(events(stream)[1].frameworkAdded.framework.connected)
    let task = events(stream)[2].taskAdded.task
    #expect(task.taskID.value == "t" && task.state == .taskStaging && !task.hasStatusUpdateState)
  }

  @Test func onlyNewStatesAndFindingsOfChecksAreToldOfATask() throws {
    let (agent, framework) = try runTask()
    let stream = subscribe()
    agent.update("t", of: framework, .taskStarting)
    agent.update("t", of: framework, .taskRunning)
    agent.update("t", of: framework, .taskRunning)
    var call = AgentCall()
    call.agentID.value = agent.id
    call.update.frameworkID.value = framework.id
    call.update.status.taskID.value = "t"
    call.update.status.state = .taskRunning
    call.update.status.healthy = false
    call.update.status.reason = .taskHealthCheckStatusUpdated
    agent.send([call])
    // The agent knows more than it has told.
    agent.update("t", of: framework, .taskKilling, latest: .taskKilled)
    let updates = events(stream).map(\.taskUpdated)
    #expect(updates.map(\.status.state) == [.taskStarting, .taskRunning, .taskRunning, .taskKilling])
    #expect(updates.map(\.state) == [.taskStarting, .taskRunning, .taskRunning, .taskKilled])
    #expect(updates[2].status.hasHealthy)
    #expect(updates.allSatisfy { !$0.status.hasData && $0.frameworkID.value == framework.id })
  }

  @Test func changesOfAFrameworkAreTold() throws {
    let framework = TestFramework(cluster)
    let stream = subscribe()
    framework.info.name = "other"
    framework.info.id.value = framework.id
    framework.call(.updateFramework) { $0.updateFramework.frameworkInfo = framework.info }
    framework.disconnect()
    framework.subscribe()
    #expect(events(stream).map(\.type) == [.frameworkUpdated, .frameworkUpdated])
    #expect(events(stream).allSatisfy { $0.frameworkUpdated.framework.frameworkInfo.name == "other" })
  }

  @Test func theEndOfAFrameworkIsToldAfterThatOfItsTasks() throws {
    let (_, framework) = try runTask()
    let stream = subscribe()
    framework.call(.teardown)
    #expect(events(stream).map(\.type) == [.taskUpdated, .frameworkRemoved])
    #expect(events(stream)[0].taskUpdated.state == .taskKilled)
    #expect(events(stream)[0].taskUpdated.status.reason == .frameworkRemoved)
    #expect(events(stream)[1].frameworkRemoved.frameworkInfo.id.value == framework.id)
    let task = try #require(cluster.core.snapshot().completedFrameworks.first?.completedTasks.map { $0 }.last)
    #expect(task.state == .taskKilled && task.statuses.last?.state == .taskKilled)
  }

  @Test func theEndOfAnAgentIsToldAfterThatOfItsTasks() throws {
    let (agent, _) = try runTask()
    let stream = subscribe()
    cluster.call(.markAgentGone) { $0.markAgentGone.agentID.value = agent.id }
    #expect(events(stream).map(\.type) == [.taskUpdated, .agentRemoved])
    #expect(events(stream)[0].taskUpdated.state == .taskGoneByOperator)
    #expect(events(stream)[1].agentRemoved.agentID.value == agent.id)
  }

  @Test func whatAnAgentBringsBackToAnewMasterIsTold() throws {
    let (agent, framework) = try runTask()
    let next = TestCluster(id: "next", records: cluster.records)
    let connection = next.connection()
    next.handle(.operatorCall(.with { $0.type = .subscribe }, from: connection))
    let back = try TestAgent(next, address: agent.address, subscribes: false)
    back.info = agent.info
    var info = framework.info
    info.id.value = framework.id
    back.subscribe(
      tasks: [agent.report(framework.task("t", on: agent.id), of: framework, .taskRunning)],
      frameworks: [info])
    let told = try #require(next.toOperators[connection]).events.filter { $0.type != .heartbeat }
    #expect(told.map(\.type) == [.agentAdded, .frameworkAdded, .taskAdded])
    #expect(told[1].frameworkAdded.framework.recovered && told[2].taskAdded.task.state == .taskRunning)
  }

  @Test func theOneTooManyPushesTheOldestOut() throws {
    let streams = (0..<4).map { _ in subscribe() }
    #expect(streams.map { cluster.closed.contains($0) } == [true, false, false, false])
    cluster.handle(.streamClosed(streams[1]))
    _ = try TestAgent(cluster)
    #expect(streams.map { events($0).count } == [0, 0, 1, 1])
    let another = subscribe()
    #expect(streams.map { cluster.closed.contains($0) } == [true, false, false, false])
    cluster.pass(seconds: 15)
    #expect(heartbeats(streams[1]) == 1 && heartbeats(another) == 2)
  }
}
