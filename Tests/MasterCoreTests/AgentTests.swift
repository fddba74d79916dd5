import MasterCore
import Resources
import Testing
import Wire

@Suite struct AgentTests {
  let cluster = TestCluster()

  private func running(_ info: MesosFrameworkInfo = TestFramework.info()) throws -> (TestAgent, TestFramework) {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster, info)
    framework.launch([framework.offers[0].id.value], [framework.task("t", on: agent.id)])
    agent.update("t", of: framework, .taskRunning)
    framework.clear()
    return (agent, framework)
  }

  @Test func anAgentGetsAnIDAndIsPinged() throws {
    let agent = try TestAgent(cluster)
    #expect(agent.id == "master-S0")
    cluster.pass(seconds: 31)
    #expect(agent.events.count { if case .ping? = $0.event { true } else { false } } == 2)
  }

  @Test func callsOfAnAgentThatIsNotSubscribedAre403() {
    var calls = AgentCalls()
    var call = AgentCall()
    call.agentID.value = "nobody"
    call.pong = .init()
    calls.calls = [call]
    let request = cluster.connection()
    cluster.handle(.agentCalls(calls, from: request))
    #expect(cluster.answers[request]?.status == 403)
  }

  @Test func anAgentWithBadResourcesIsRefused() throws {
    var call = AgentCall()
    call.subscribe.agentInfo.hostname = "host"
    call.subscribe.agentInfo.resources = Resources([.scalar("cpus", 1)]).wire(.stack)
    call.subscribe.agentInfo.resources[0].scalar.value = -1
    call.subscribe.version = "1"
    call.subscribe.address = "x"
    var calls = AgentCalls()
    calls.calls = [call]
    let request = cluster.connection()
    cluster.handle(.agentCalls(calls, from: request))
    #expect(cluster.answers[request]?.status == 400)
    #expect(cluster.core.snapshot().agents.isEmpty)
  }

  @Test func fiveMissedPingsMakeAnAgentUnreachable() throws {
    let (agent, framework) = try running()
    cluster.pass(seconds: 15.1)
    agent.pong()
    framework.clear()
    cluster.pass(seconds: 74)
    #expect(framework.updates.isEmpty)
    cluster.pass(seconds: 17)
    #expect(framework.updates.map(\.state) == [.taskUnreachable])
    #expect(framework.updates.first?.reason == .agentRemoved)
    #expect(framework.updates.first?.hasUnreachableTime == true)
    #expect(framework.updates.first?.hasUuid == false)
    let order = framework.events.map(\.type).filter { $0 != .heartbeat && $0 != .offers }
    #expect(order == [.update, .rescind, .failure])
    #expect(cluster.closed.contains(agent.connection))
    #expect(framework.events.last { $0.type == .failure }?.failure.agentID.value == agent.id)
  }

  @Test func anAgentThatComesBackBringsItsTasksBack() throws {
    let (agent, framework) = try running()
    let task = framework.task("t", on: agent.id)
    cluster.pass(seconds: 100)
    #expect(framework.updates.map(\.state) == [.taskUnreachable])
    framework.launch([framework.offers.last?.id.value ?? ""], [task])
    framework.clear()
    var report = agent.report(task, of: framework, .taskRunning)
    report.statuses = [
      .with {
        $0.taskID = task.taskID
        $0.state = .taskRunning
        $0.healthy = false
        $0.checkStatus.tcp.succeeded = true
      }
    ]
    agent.subscribe(tasks: [report], frameworks: [framework.info])
    #expect(framework.updates.map(\.state) == [.taskRunning])
    #expect(framework.updates.map(\.reason) == [.agentReregistered])
    #expect(framework.updates.first?.hasHealthy == true && framework.updates.first?.healthy == false)
    #expect(framework.updates.first?.checkStatus.tcp.succeeded == true)
    #expect(framework.updates.first?.message == "Unreachable agent re-reregistered")
    let free = try Resources(wire: framework.offers.last?.resources ?? []).total(of: "cpus")
    #expect(free == Quantity(3), "the task holds its resources again")
  }

  @Test func anIDOfAnUnreachableTaskMustNotBeUsed() throws {
    let (agent, framework) = try running()
    cluster.pass(seconds: 100)
    framework.clear()
    let other = try TestAgent(cluster)
    framework.launch([framework.offers.last?.id.value ?? ""], [framework.task("t", on: other.id)])
    #expect(framework.updates.map(\.message) == ["Task reuses the ID of an unreachable task: t"])
    #expect(agent.id != other.id)
  }

  @Test func aBrokenStreamLosesTheTasksOfFrameworksWithoutCheckpoints() throws {
    var info = TestFramework.info()
    info.checkpoint = false
    let (agent, framework) = try running(info)
    agent.disconnect()
    #expect(framework.updates.map(\.state) == [.taskLost])
    #expect(framework.updates.first?.reason == .agentDisconnected)
    #expect(framework.updates.first?.message == "Agent host disconnected")
  }

  @Test func whatWasCalledLostIsEndedInSilenceWhenItsAgentComesBackWithIt() throws {
    var info = TestFramework.info()
    info.checkpoint = false
    let (agent, framework) = try running(info)
    agent.disconnect()
    framework.clear()
    agent.subscribe(tasks: [agent.report(framework.task("t", on: agent.id), of: framework, .taskRunning)])
    let killed = agent.events.compactMap { if case .kill(let kill)? = $0.event { kill.taskID.value } else { nil } }
    #expect(killed == ["t"])
    let held = { self.cluster.core.snapshot().agents.first.map { $0.allocated - $0.offered }?.total(of: "cpus") }
    #expect(held() == Quantity(1))
    agent.update("t", of: framework, .taskKilled)
    #expect(framework.updates.isEmpty)
    #expect(held() == .zero)
    let acknowledged = agent.events.contains { if case .acknowledge? = $0.event { true } else { false } }
    #expect(acknowledged)
  }

  @Test func aBrokenStreamKeepsTheTasksOfFrameworksWithCheckpoints() throws {
    let (agent, framework) = try running()
    agent.disconnect()
    #expect(framework.updates.isEmpty)
    cluster.pass(seconds: 599)
    #expect(framework.updates.isEmpty)
    agent.subscribe(tasks: [agent.report(framework.task("t", on: agent.id), of: framework, .taskRunning)])
    cluster.pass(seconds: 10)
    #expect(framework.updates.isEmpty)
    agent.disconnect()
    cluster.pass(seconds: 601)
    #expect(framework.updates.map(\.state) == [.taskUnreachable])
  }

  @Test func aTaskThatAnAgentDoesNotHaveIsDropped() throws {
    let (agent, framework) = try running()
    agent.disconnect()
    agent.subscribe()
    #expect(framework.updates.map(\.state) == [.taskDropped])
    let free = try Resources(wire: framework.offers.last?.resources ?? []).total(of: "cpus")
    #expect(free == Quantity(4))
  }

  @Test func anAgentThatEndsForGoodLosesItsTasks() throws {
    let (agent, framework) = try running()
    var call = AgentCall()
    call.agentID.value = agent.id
    call.unsubscribe = .init()
    agent.send([call])
    #expect(framework.updates.map(\.state) == [.taskLost])
    #expect(framework.updates.first?.message == "Agent host removed: the agent unregistered")
    #expect(framework.updates.first?.reason == .agentRemoved)
    #expect(framework.events.contains { $0.type == .failure })
  }

  @Test func aNewAgentAtTheSameAddressTakesThePlaceOfTheOldOne() throws {
    let (agent, framework) = try running()
    agent.disconnect()
    let new = try TestAgent(cluster, address: agent.address)
    #expect(new.id == "master-S1")
    #expect(framework.updates.map(\.state) == [.taskLost])
    #expect(framework.updates.first?.message == "Agent host removed: a new agent registered at the same address")
    #expect(cluster.core.snapshot().agents.map(\.id) == [new.id])
  }

  @Test func anExecutorThatExitsFreesItsResourcesAndIsAFailure() throws {
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    var task = framework.task("t", on: agent.id)
    task.clearCommand()
    task.executor.executorID.value = "e"
    task.executor.command.value = "run"
    task.executor.resources = Resources([.scalar("cpus", 1)]).wire(.stack)
    framework.launch([framework.offers[0].id.value], [task])
    agent.update("t", of: framework, .taskFailed)
    var call = AgentCall()
    call.agentID.value = agent.id
    call.executorExited.frameworkID.value = framework.id
    call.executorExited.executorID.value = "e"
    call.executorExited.status = -1
    agent.send([call])
    let failure = framework.events.last { $0.type == .failure }?.failure
    #expect(failure?.executorID.value == "e")
    #expect(failure?.status == -1)
    let held = cluster.core.snapshot().agents.first.map { $0.allocated - $0.offered }
    #expect(held?.isEmpty ?? false)
  }

  @Test func aMasterThatStartsAnewLearnsFrameworksAndTasksFromAgents() throws {
    let (agent, framework) = try running()
    let task = agent.report(framework.task("t", on: agent.id), of: framework, .taskRunning)
    let next = TestCluster()
    let returning = try TestAgent(next)
    returning.disconnect()
    returning.info.id.value = "earlier-S5"
    var info = framework.info
    info.id.value = "earlier-0009"
    var earlier = task
    earlier.frameworkID.value = "earlier-0009"
    returning.subscribe(tasks: [earlier], frameworks: [info])
    #expect(returning.id == "earlier-S5")
    #expect(next.core.snapshot().frameworks.first?.isRecovered == true)
    let back = TestFramework(next, info)
    #expect(back.id == "earlier-0009")
    back.call(.reconcile) { $0.reconcile = .init() }
    #expect(back.updates.map(\.state) == [.taskRunning])
    let free = try Resources(wire: back.offers.last { $0.agentID.value == "earlier-S5" }?.resources ?? [])
    #expect(free.total(of: "cpus") == Quantity(3))
  }

  @Test func whatATornDownFrameworkLeftOnAnAgentIsShutDown() throws {
    let (agent, framework) = try running()
    agent.disconnect()
    framework.call(.teardown)
    var info = framework.info
    info.id.value = framework.id
    agent.subscribe(
      tasks: [agent.report(framework.task("t", on: agent.id), of: framework, .taskRunning)], frameworks: [info])
    #expect(agent.events.contains { if case .shutdownFramework? = $0.event { true } else { false } })
  }
}
