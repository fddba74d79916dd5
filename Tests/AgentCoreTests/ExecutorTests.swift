import AgentCore
import Testing
import Wire

@Suite struct ExecutorTests {
  @Test func anExecutorGetsItsQueuedTasksWhenItSubscribes() throws {
    let agent = try Simulation.subscribed()
    agent.run([task("a", nil), task("b", nil)], on: executor())
    #expect(agent.launches.count == 1)
    #expect(agent.launches[0].requests == [Amount(name: "cpus", value: 2_100), Amount(name: "mem", value: 160_000)])
    agent.feed(.containerLaunched(agent.launches[0].containerID, pid: 5))
    agent.subscribeExecutor()
    #expect(agent.events().map(\.type) == [.subscribed, .launch, .launch])
    #expect(agent.events()[1].launch.task.taskID.value == "a")
    let subscribed = agent.events()[0].subscribed
    #expect(subscribed.executorInfo.frameworkID.value == "F")
    #expect(subscribed.agentInfo.id.value == Simulation.agentID)
    #expect(subscribed.containerID.value == agent.launches[0].containerID)
  }

  @Test func aGroupIsOneLaunchGroup() throws {
    let agent = try Simulation.subscribed()
    agent.runExecutor([task("a", nil), task("b", nil)], group: true)
    #expect(agent.events().map(\.type) == [.subscribed, .launchGroup])
    #expect(agent.events()[1].launchGroup.taskGroup.tasks.map(\.taskID.value) == ["a", "b"])
  }

  @Test func aSubscribedExecutorGetsMoreTasksAtOnceAndItsContainerGrows() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runExecutor([task("a", nil)])
    agent.run([task("b", nil), task("c", nil)], on: executor())
    #expect(agent.launches.count == 1)
    #expect(agent.events().suffix(2).map(\.launch.task.taskID.value) == ["b", "c"])
    let updates = agent.effects.compactMap { effect -> [Amount]? in
      if case .update(container, let requests, _) = effect { requests } else { nil }
    }
    #expect(updates.last == [Amount(name: "cpus", value: 3_100), Amount(name: "mem", value: 224_000)])
  }

  @Test func theContainerShrinksWhenATaskEnds() throws {
    let agent = try Simulation.subscribed()
    agent.runExecutor([task("a", nil), task("b", nil)])
    let turn = agent.effects.count
    agent.update(status("a", .taskFinished, 1))
    let updates = agent.effects[turn...].compactMap { effect -> [Amount]? in
      if case .update(_, let requests, _) = effect { requests } else { nil }
    }
    #expect(updates == [[Amount(name: "cpus", value: 1_100), Amount(name: "mem", value: 96_000)]])
  }

  @Test func anUpdateIsAnsweredForwardedAndAcknowledgedToTheExecutor() throws {
    let agent = try Simulation.subscribed()
    agent.runExecutor([task("a", nil)])
    agent.update(status("a", .taskRunning, 7), exchange: 50)
    #expect(agent.responses(50).map(\.status) == [202])
    let sent = try #require(agent.statuses("a").first)
    #expect(sent.state == .taskRunning)
    #expect(sent.executorID.value == "E")
    #expect(sent.agentID.value == Simulation.agentID)
    #expect(sent.containerStatus.executorPid == 4711)
    let acknowledged = try #require(agent.events().last)
    #expect(acknowledged.type == .acknowledged)
    #expect(acknowledged.acknowledged.uuid == sent.uuid)
  }

  @Test func aRepeatedUpdateIsAcknowledgedButNotSentAgain() throws {
    let agent = try Simulation.subscribed()
    agent.runExecutor([task("a", nil)])
    agent.update(status("a", .taskRunning, 7))
    agent.acknowledge("a")
    agent.update(status("a", .taskRunning, 7))
    #expect(agent.states("a") == [.taskRunning])
    #expect(agent.events().filter { $0.type == .acknowledged }.count == 2)
  }

  @Test func anUpdateOfAnUnknownTaskIsAcknowledgedAndCounted() throws {
    let agent = try Simulation.subscribed()
    agent.runExecutor([task("a", nil)])
    agent.update(status("x", .taskRunning, 7))
    #expect(agent.statuses("x").isEmpty)
    #expect(agent.events().last?.type == .acknowledged)
    #expect(agent.core.state().counters.invalidStatusUpdates == 1)
  }

  @Test func messagesPassBothWays() throws {
    let agent = try Simulation.subscribed()
    agent.runExecutor([task("a", nil)])
    agent.feedMaster(
      .message(
        .with {
          $0.frameworkID.value = "F"
          $0.executorID.value = "E"
          $0.data = .init("down".utf8)
        }))
    #expect(agent.events().last?.message.data.elementsEqual("down".utf8) == true)
    var call = executorCall("E", .message)
    call.message.data = .init("up".utf8)
    agent.feed(.executorCall(call, exchange: 60))
    #expect(agent.responses(60).map(\.status) == [202])
    guard case .message(let message) = agent.calls.last?.call else {
      Issue.record("no message went to the master")
      return
    }
    #expect(message.data.elementsEqual("up".utf8))
    #expect(message.executorID.value == "E")
  }

  @Test func aSecondSubscriptionClosesTheFirstStream() throws {
    let agent = try Simulation.subscribed()
    agent.runExecutor([task("a", nil)])
    agent.update(status("a", .taskRunning, 1))
    agent.subscribeExecutor(exchange: 2, tasks: [task("a", nil)], updates: [status("a", .taskRunning, 1)])
    let closed = agent.effects.contains { if case .closeStream(1) = $0 { true } else { false } }
    #expect(closed)
    #expect(agent.events(2).map(\.type) == [.subscribed, .acknowledged])
    agent.feed(.executorDisconnected(1))
    agent.kill("a")
    #expect(agent.events(2).last?.type == .kill)
  }

  @Test func updatesThatTheExecutorStillHoldsAreTakenOnSubscription() throws {
    let agent = try Simulation.subscribed()
    agent.runExecutor([task("a", nil)])
    agent.feed(.executorDisconnected(1))
    agent.subscribeExecutor(exchange: 2, tasks: [task("a", nil)], updates: [status("a", .taskRunning, 1)])
    #expect(agent.states("a") == [.taskRunning])
  }

  @Test func aTaskThatGotLostOnTheWayToTheExecutorIsDropped() throws {
    let agent = try Simulation.subscribed()
    agent.runExecutor([task("a", nil)], of: framework([.partitionAware]))
    agent.feed(.executorDisconnected(1))
    agent.subscribeExecutor(exchange: 2)
    #expect(agent.states("a") == [.taskDropped])
    #expect(agent.statuses("a")[0].reason == .agentRestarted)
  }

  @Test func anExecutorThatDoesNotSubscribeIsEnded() throws {
    let agent = try Simulation.subscribed()
    agent.run([task("a", nil)], on: executor())
    let container = agent.launches[0].containerID
    // What it takes to fetch its files does not count.
    agent.advance(seconds: 1000)
    #expect(agent.destroyed.isEmpty && agent.cancelled.isEmpty)
    agent.feed(.containerLaunched(container, pid: 5))
    agent.advance(seconds: 59)
    #expect(agent.destroyed.isEmpty)
    agent.advance(seconds: 2)
    #expect(agent.destroyed == [container])
    agent.feed(.containerExited(container, Exit.signal(9)))
    let status = try #require(agent.statuses("a").first)
    #expect(status.state == .taskFailed)
    #expect(status.reason == .executorRegistrationTimeout)
    #expect(status.message == "Executor did not register within 1mins")
  }

  @Test func anExecutorThatExitsFailsItsTasksAndTheMasterIsTold() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runExecutor([task("a", nil), task("b", nil)])
    agent.update(status("a", .taskFinished, 1))
    agent.feed(.containerExited(container, Exit.status(3)))
    #expect(agent.states("b") == [.taskFailed])
    #expect(agent.statuses("b")[0].reason == .executorTerminated)
    #expect(agent.statuses("b")[0].message == "Executor terminated")
    #expect(agent.states("a") == [.taskFinished])
    let exits = agent.calls.compactMap { call -> AgentCall.ExecutorExited? in
      if case .executorExited(let exited) = call.call { exited } else { nil }
    }
    #expect(exits.map(\.executorID.value) == ["E"])
    #expect(exits.map(\.status) == [3 << 8])
  }

  @Test func aMemoryLimitationOfTheExecutorIsTheReasonOfItsTasks() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runExecutor([task("a", nil)])
    let limitation = ContainerOutcome.Limitation(kind: .memory, resource: nil, message: "too much")
    agent.feed(.containerExited(container, ContainerOutcome(waitStatus: 9, limitation: limitation)))
    #expect(agent.statuses("a").first?.reason == .containerLimitationMemory)
    #expect(agent.statuses("a").first?.message == "too much")
  }

  @Test func aShutDownExecutorIsDestroyedAfterItsGrace() throws {
    let agent = try Simulation.subscribed()
    var info = executor()
    info.shutdownGracePeriod.nanoseconds = 2 * Simulation.second
    let container = agent.runExecutor([task("a", nil)], executor: info)
    agent.feedMaster(
      .shutdownExecutor(
        .with {
          $0.frameworkID.value = "F"
          $0.executorID.value = "E"
        }))
    #expect(agent.events().last?.type == .shutdown)
    agent.advance(seconds: 1.9)
    #expect(agent.destroyed.isEmpty)
    agent.advance(seconds: 0.2)
    #expect(agent.destroyed == [container])
  }

  @Test func aGracePeriodMayBeAsLongAsANumberCanSay() throws {
    let agent = try Simulation.subscribed()
    var info = executor()
    info.shutdownGracePeriod.nanoseconds = .max
    agent.runExecutor([task("a", nil)], executor: info)
    agent.feedMaster(.shutdownFramework(.with { $0.frameworkID.value = "F" }))
    #expect(agent.events().last?.type == .shutdown)
    agent.advance(seconds: 1e6)
    #expect(agent.destroyed.isEmpty)
  }

  @Test func aSubscriptionOfATerminatingExecutorIsAnsweredWithShutdown() throws {
    let agent = try Simulation.subscribed()
    agent.runExecutor([task("a", nil)])
    agent.feedMaster(.shutdownFramework(.with { $0.frameworkID.value = "F" }))
    agent.subscribeExecutor(exchange: 2)
    #expect(agent.events(2).map(\.type) == [.shutdown])
    let closed = agent.effects.contains { if case .closeStream(2) = $0 { true } else { false } }
    #expect(closed)
  }

  @Test func heartbeatsComeEveryHalfHour() throws {
    let agent = try Simulation.subscribed()
    agent.runExecutor([task("a", nil)])
    agent.advance(seconds: 1799)
    #expect(!agent.events().contains { $0.type == .heartbeat })
    agent.advance(seconds: 1802)
    #expect(agent.events().filter { $0.type == .heartbeat }.count == 2)
  }

  @Test func anExecutorWithoutCommandIsRefused() throws {
    let agent = try Simulation.subscribed()
    var info = executor()
    info.clearCommand()
    agent.run([task("a")], on: info, group: true)
    #expect(agent.launches.isEmpty)
    #expect(agent.states("a") == [.taskError])
    #expect(agent.core.state().frameworks.isEmpty)
  }

  @Test func aLaunchFailureFailsTheTasksAndTellsTheExecutorsEnd() throws {
    let agent = try Simulation.subscribed()
    agent.run([task("a", nil)], on: executor())
    agent.feed(.containerLaunchFailed(agent.launches[0].containerID, message: "no such file"))
    #expect(agent.statuses("a").first?.reason == .containerLaunchFailed)
    guard case .executorExited(let exited) = agent.calls.last?.call else {
      Issue.record("the master was not told of the executor")
      return
    }
    #expect(exited.status == -1)
  }
}
