import AgentCore
import Testing
import Wire

@Suite struct MasterLinkTests {
  private func subscription(_ agent: Simulation) throws -> AgentCall.Subscribe {
    let effects = agent.feed(.connectingToMaster)
    guard case .subscribe(let call)? = effects.first else {
      throw SubscriptionMissing()
    }
    return call.subscribe
  }
  private struct SubscriptionMissing: Error {}

  @Test func theFirstSubscriptionHasNoIDAndTheSecondHas() throws {
    let agent = try Simulation()
    let first = try subscription(agent)
    #expect(!first.agentInfo.hasID)
    #expect(first.restarted)
    #expect(first.address == "127.0.0.1:5051")
    agent.connect()
    agent.feed(.masterDisconnected)
    let second = try subscription(agent)
    #expect(second.agentInfo.id.value == Simulation.agentID)
    #expect(!second.restarted)
  }

  @Test func aSubscriptionListsFrameworksExecutorsAndTasks() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(task("t"))
    agent.runExecutor([task("a", nil)])
    agent.acknowledge("t")
    agent.feed(.masterDisconnected)
    let call = try subscription(agent)
    #expect(call.frameworks.map(\.id.value) == ["F"])
    #expect(call.executors.map(\.executorInfo.executorID.value) == ["E", "t"])
    #expect(call.executors.map(\.commandTask) == [false, true])
    let tasks = Dictionary(uniqueKeysWithValues: call.tasks.map { ($0.taskID.value, $0) })
    #expect(tasks["t"]?.state == .taskRunning)
    #expect(tasks["t"]?.statusUpdateState == .taskRunning)
    #expect(tasks["t"]?.hasExecutorID == false)
    #expect(tasks["a"]?.executorID.value == "E")
    #expect(tasks["a"]?.state == .taskStaging)
  }

  @Test func pingsAreAnswered() throws {
    let agent = try Simulation.subscribed()
    agent.feedMaster(.ping(.init()))
    guard case .pong = agent.calls.last?.call else {
      Issue.record("no pong")
      return
    }
  }

  @Test func aSilentMasterIsDroppedAfterFiveIntervals() throws {
    let agent = try Simulation.subscribed()
    agent.advance(seconds: 70)
    agent.feedMaster(.ping(.init()))
    #expect(!agent.advance(seconds: 74).contains { if case .dropMaster = $0 { true } else { false } })
    #expect(agent.advance(seconds: 2).contains { if case .dropMaster = $0 { true } else { false } })
  }

  @Test func tasksGoOnWithoutAMaster() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(task("t"))
    agent.acknowledge("t")
    agent.acknowledge("t")
    agent.feed(.masterDisconnected)
    agent.feed(.containerExited(container, Exit.status(0)))
    agent.connect()
    #expect(agent.states("t") == [.taskStarting, .taskRunning, .taskFinished])
  }

  @Test func anExecutorThatExitsWhileTheAgentSubscribesIsToldAfterwards() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runExecutor([task("a", nil)])
    agent.feed(.masterDisconnected)
    agent.feed(.connectingToMaster)
    agent.feed(.containerExited(container, Exit.status(0)))
    let before = agent.calls.count
    agent.feedMaster(
      .subscribed(
        .with {
          $0.agentID.value = Simulation.agentID
          $0.pingIntervalSeconds = 15
        }))
    let exits = agent.calls[before...].filter { if case .executorExited = $0.call { true } else { false } }
    #expect(exits.count == 1)
  }

  @Test func aRemovedFrameworkLosesItsExecutorsAndNothingIsToldOfItsTasks() throws {
    let agent = try Simulation.subscribed()
    let command = agent.runCommand(task("t", "sleep 100"))
    let custom = agent.runExecutor([task("a", nil)])
    let before = agent.updates.count
    agent.feedMaster(.shutdownFramework(.with { $0.frameworkID.value = "F" }))
    #expect(agent.signals == [15])
    #expect(agent.events().last?.type == .shutdown)
    agent.advance(seconds: 6)
    #expect(Set(agent.destroyed) == [command, custom])
    agent.feed(.containerExited(command, Exit.signal(15)))
    agent.feed(.containerExited(custom, Exit.signal(9)))
    #expect(agent.updates.count == before)
    #expect(agent.core.state().frameworks.isEmpty)
  }

  @Test func anAgentThatTheMasterShutsDownEndsItsTasksAndForgetsEverything() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(task("t", "sleep 100"), of: framework(checkpoint: true))
    agent.feedMaster(.shutdown(.with { $0.message = "gone" }))
    #expect(agent.stopReason == nil)
    agent.feed(.containerExited(container, Exit.signal(15)))
    #expect(agent.stopReason == "the master told the agent to shut down: gone")
    #expect(agent.records.isEmpty)
  }

  @Test func anUnregisteringAgentTellsTheMasterFirst() throws {
    let agent = try Simulation.subscribed()
    agent.feed(.unregister(reason: "maintenance"))
    guard case .unsubscribe(let call)? = agent.calls.last?.call else {
      Issue.record("no unsubscribe")
      return
    }
    #expect(call.reason == "maintenance")
    #expect(agent.stopReason == "maintenance")
  }

  @Test func anEndingAgentTakesNoTasksAndDoesNotWaitForEver() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(task("t", "sleep 100"))
    agent.feed(.unregister(reason: "maintenance"))
    agent.run([task("late")])
    #expect(agent.launches.count == 1)
    agent.advance(seconds: 60)
    #expect(agent.stopReason == "maintenance")
  }

  @Test func anotherIDFromTheMasterEndsTheAgent() throws {
    let agent = try Simulation.subscribed()
    agent.feed(.masterDisconnected)
    agent.feed(.connectingToMaster)
    agent.feedMaster(.subscribed(.with { $0.agentID.value = "other" }))
    #expect(agent.stopReason != nil)
    #expect(agent.records.isEmpty)
  }

  @Test func aFrameworksNewInfoReachesItsExecutors() throws {
    let agent = try Simulation.subscribed()
    agent.runExecutor([task("a", nil)])
    var info = framework()
    info.name = "renamed"
    agent.feedMaster(.updateFramework(.with { $0.frameworkInfo = info }))
    agent.subscribeExecutor(exchange: 2, tasks: [task("a", nil)])
    #expect(agent.events(2).first?.subscribed.frameworkInfo.name == "renamed")
  }
}
