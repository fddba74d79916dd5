import AgentCore
import Testing
import Wire

@Suite struct KillTests {
  @Test func aKilledCommandGetsSIGTERMThenIsDestroyedAfterThreeSeconds() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(task("t", "sleep 100"))
    agent.kill("t")
    #expect(agent.signals == [15])
    agent.advance(seconds: 2.9)
    #expect(agent.destroyed.isEmpty)
    agent.advance(seconds: 0.2)
    #expect(agent.destroyed == [container])
    agent.feed(.containerExited(container, Exit.signal(9)))
    agent.acknowledgeAll()
    let last = try #require(agent.statuses("t").last)
    #expect(last.state == .taskKilled)
    #expect(last.message == "Command terminated with signal Killed")
    #expect(!agent.states("t").contains(.taskKilling))
  }

  @Test func aKilledCommandIsKilledEvenIfItExitsWithZero() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(task("t", "sleep 100"))
    agent.kill("t")
    agent.feed(.containerExited(container, Exit.status(0)))
    agent.acknowledgeAll()
    #expect(agent.states("t").last == .taskKilled)
  }

  /// It may be fetching for long.
  @Test func aCommandThatIsKilledBeforeItRunsIsCalledBack() throws {
    let agent = try Simulation.subscribed()
    agent.run([task("t", "sleep 100")])
    let container = agent.launches[0].containerID
    agent.kill("t")
    #expect(agent.cancelled == [container])
    agent.feed(.containerLaunchFailed(container, message: "it was no longer wanted"))
    #expect(agent.states("t") == [.taskKilled])
    #expect(agent.statuses("t")[0].reason == .taskKilledDuringLaunch)
  }

  @Test func anExecutorThatIsShutDownBeforeItRunsIsCalledBack() throws {
    let agent = try Simulation.subscribed()
    agent.run([task("t", nil)], on: executor())
    let container = agent.launches[0].containerID
    agent.kill("t")
    #expect(agent.states("t") == [.taskKilled])
    #expect(agent.cancelled == [container])
    agent.feed(.containerLaunchFailed(container, message: "it was no longer wanted"))
    #expect(agent.states("t") == [.taskKilled])
  }

  @Test func killingIsToldToFrameworksThatWantIt() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(task("t", "sleep 100"), of: framework([.taskKillingState]))
    agent.kill("t")
    agent.acknowledgeAll()
    #expect(agent.states("t") == [.taskStarting, .taskRunning, .taskKilling])
  }

  @Test func theGraceOfTheKillWinsOverThatOfTheTask() throws {
    let agent = try Simulation.subscribed()
    var info = task("t", "sleep 100")
    info.killPolicy.gracePeriod.nanoseconds = 60 * Simulation.second
    agent.runCommand(info)
    agent.kill("t", graceSeconds: 10)
    agent.advance(seconds: 9.9)
    #expect(agent.destroyed.isEmpty)
    agent.advance(seconds: 0.2)
    #expect(agent.destroyed.count == 1)
  }

  @Test func theTasksOwnGraceCountsWithoutOneInTheKill() throws {
    let agent = try Simulation.subscribed()
    var info = task("t", "sleep 100")
    info.killPolicy.gracePeriod.nanoseconds = 60 * Simulation.second
    agent.runCommand(info)
    agent.kill("t")
    agent.advance(seconds: 59)
    #expect(agent.destroyed.isEmpty)
    agent.advance(seconds: 2)
    #expect(agent.destroyed.count == 1)
  }

  @Test func aRepeatedKillCanOnlyShortenTheGrace() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(task("t", "sleep 100"))
    agent.kill("t", graceSeconds: 10)
    agent.kill("t", graceSeconds: 100)
    agent.kill("t", graceSeconds: 1)
    #expect(agent.signals == [15])
    agent.advance(seconds: 1.1)
    #expect(agent.destroyed.count == 1)
  }

  @Test func aCommandThatIsKilledWhileItIsLaunchedNeverRuns() throws {
    let agent = try Simulation.subscribed()
    agent.run([task("t")])
    let container = agent.launches[0].containerID
    agent.kill("t")
    #expect(agent.destroyed.isEmpty)
    agent.feed(.containerLaunched(container, pid: 1))
    #expect(agent.destroyed == [container])
    agent.feed(.containerExited(container, Exit.signal(9)))
    agent.acknowledgeAll()
    #expect(agent.states("t") == [.taskKilled])
    #expect(agent.statuses("t")[0].reason == .taskKilledDuringLaunch)
  }

  @Test func killingATaskThatIsOverDoesNothing() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(task("t"))
    agent.feed(.containerExited(container, Exit.status(0)))
    agent.kill("t")
    agent.acknowledgeAll()
    #expect(agent.states("t").last == .taskFinished)
    #expect(agent.signals.isEmpty)
  }

  @Test(
    arguments: [([], .taskLost), ([.partitionAware], .taskDropped)]
      as [(
        [MesosFrameworkInfo.Capability.TypeEnum], MesosTaskState
      )])
  func killingAnUnknownTaskIsAnswered(
    capabilities: [MesosFrameworkInfo.Capability.TypeEnum], state: MesosTaskState
  ) throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(task("t"), of: framework(capabilities))
    agent.kill("other")
    let status = try #require(agent.statuses("other").first)
    #expect(status.state == state)
    #expect(status.reason == .executorTerminated)
    #expect(!status.hasUuid)
  }

  @Test func aQueuedTaskIsKilledWithItsGroupAndTheIdleExecutorEnds() throws {
    let agent = try Simulation.subscribed()
    agent.run([task("a", nil), task("b", nil)], on: executor(), group: true)
    agent.kill("b")
    #expect(agent.states("a") == [.taskKilled])
    #expect(agent.statuses("b").first?.reason == .taskKilledDuringLaunch)
    let container = agent.launches[0].containerID
    agent.feed(.containerLaunched(container, pid: 1))
    #expect(agent.destroyed == [container])
  }

  @Test func aDeliveredTaskIsKilledByItsExecutor() throws {
    let agent = try Simulation.subscribed()
    agent.runExecutor([task("a", nil)])
    agent.kill("a", graceSeconds: 7)
    let kill = try #require(agent.events().last)
    #expect(kill.type == .kill)
    #expect(kill.kill.taskID.value == "a")
    #expect(kill.kill.killPolicy.gracePeriod.nanoseconds == 7 * Simulation.second)
  }

  @Test func aKillWaitsForAnExecutorThatReconnects() throws {
    let agent = try Simulation.subscribed()
    agent.runExecutor([task("a", nil)])
    agent.feed(.executorDisconnected(1))
    agent.kill("a")
    agent.subscribeExecutor(exchange: 2, tasks: [task("a", nil)])
    #expect(agent.events(2).map(\.type) == [.subscribed, .kill])
  }
}
