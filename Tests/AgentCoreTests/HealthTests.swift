import AgentCore
import Testing
import Wire

/// What is told of the health of tasks, and what becomes of the unhealthy.
@Suite struct HealthTests {
  @Test func healthIsToldAtTheFirstSuccessAtEachFailureAndAtTheNextSuccess() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(healthChecked())
    for succeeds in [true, true, false, false, true, true, false] {
      agent.advance(seconds: 1)
      agent.endCheck(.connected(succeeds))
    }
    #expect(
      agent.checked("t") == [
        "Starting", "Running", "Running healthy", "Running unhealthy", "Running unhealthy", "Running healthy",
        "Running unhealthy",
      ])
    let update = try #require(agent.statuses("t").last)
    #expect(update.reason == .taskHealthCheckStatusUpdated && update.source == .executor && !update.hasMessage)
    #expect(update.containerStatus.executorPid == 4711)
    #expect(Set(agent.statuses("t").map(\.uuid)).count == 7)
  }

  @Test func consecutiveFailuresKillTheTaskAndNothingIsToldAfterThat() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(healthChecked(failures: 2))
    agent.advance(seconds: 0)
    agent.endCheck(.answered(status: 500))
    #expect(agent.signals.isEmpty)
    agent.advance(seconds: 1)
    agent.endCheck(.failed("nobody listens"))
    #expect(agent.signals == [15])
    agent.advance(seconds: 2.9)
    #expect(agent.checkRuns.count == 2 && agent.destroyed.isEmpty)
    agent.advance(seconds: 0.2)
    #expect(agent.destroyed == [container])
    agent.feed(.containerExited(container, Exit.signal(9)))
    #expect(
      agent.checked("t") == ["Starting", "Running", "Running unhealthy", "Running unhealthy", "Killed unhealthy"])
    #expect(agent.statuses("t").last?.message == "Command terminated with signal Killed")
  }

  @Test func failuresMustFollowEachOther() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(healthChecked(failures: 2))
    for _ in 0..<5 {
      agent.advance(seconds: 1)
      agent.endCheck(.connected(false))
      agent.advance(seconds: 1)
      agent.endCheck(.connected(true))
    }
    #expect(agent.signals.isEmpty)
  }

  @Test func failuresInTheGracePeriodAreIgnoredUntilTheFirstSuccess() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(healthChecked(failures: 1, grace: 10))
    for _ in 0..<5 {
      agent.advance(seconds: 1)
      agent.endCheck(.connected(false))
    }
    #expect(agent.checked("t") == ["Starting", "Running"])
    agent.advance(seconds: 1)
    agent.endCheck(.connected(true))
    agent.advance(seconds: 1)
    agent.endCheck(.connected(false))
    #expect(agent.checked("t") == ["Starting", "Running", "Running healthy", "Running unhealthy"])
    #expect(agent.signals == [15])
  }

  @Test func theGracePeriodEnds() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(healthChecked(interval: 6, failures: 1, grace: 10))
    agent.advance(seconds: 6)
    agent.endCheck(.connected(false))
    #expect(agent.signals == [])
    agent.advance(seconds: 6)
    agent.endCheck(.connected(false))
    #expect(agent.signals == [15])
  }

  @Test func whatCouldNotBeTriedDoesNotCount() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(healthChecked(failures: 1))
    agent.advance(seconds: 0)
    agent.endCheck(.unavailable("the container ends"))
    agent.advance(seconds: 1)
    #expect(agent.checkRuns.count == 2)
    #expect(agent.checked("t") == ["Starting", "Running"])
  }

  @Test(arguments: [199, 200, 204, 302, 399, 400, 404, 500])
  func healthyAnswersAreThoseFrom200To399(status: Int) throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(healthChecked())
    agent.advance(seconds: 0)
    agent.endCheck(.answered(status: status))
    #expect(agent.checked("t").last == ((200..<400).contains(status) ? "Running healthy" : "Running unhealthy"))
  }

  @Test(arguments: [(0, "Running healthy"), (1 << 8, "Running unhealthy"), (15, "Running unhealthy")])
  func aCommandIsHealthyThatExitsWithZero(waitStatus: Int32, told: String) throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(healthChecked())
    agent.advance(seconds: 0)
    agent.endCheck(.exited(waitStatus: waitStatus))
    #expect(agent.checked("t").last == told)
  }

  // MARK: The end

  @Test func aKillEndsTheRunUnderWay() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(healthChecked())
    agent.advance(seconds: 0)
    agent.acknowledgeAll()
    agent.kill("t")
    #expect(agent.endedRuns == agent.checkRuns.map(\.id))
    agent.endCheck(.connected(false))
    agent.advance(seconds: 100)
    #expect(agent.checkRuns.count == 1)
    agent.feed(.containerExited(container, Exit.signal(15)))
    #expect(agent.checked("t") == ["Starting", "Running", "Killed"])
  }

  @Test func theEndOfTheTaskEndsTheRunUnderWay() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(healthChecked())
    agent.advance(seconds: 0)
    agent.endCheck(.connected(true))
    agent.advance(seconds: 1)
    agent.acknowledgeAll()
    agent.feed(.containerExited(container, Exit.status(0)))
    #expect(agent.endedRuns == [agent.checkRuns[1].id])
    agent.acknowledgeAll()
    agent.endCheck(.connected(false))
    agent.advance(seconds: 100)
    #expect(agent.checkRuns.count == 2)
    // Mesos tells no health with the end of a healthy task.
    #expect(agent.checked("t") == ["Starting", "Running", "Running healthy", "Finished"])
  }

  @Test func aTaskThatNeverRanIsNotChecked() throws {
    let agent = try Simulation.subscribed()
    agent.run([healthChecked()])
    agent.advance(seconds: 100)
    agent.feed(.containerLaunchFailed(agent.launches[0].containerID, message: "no"))
    agent.advance(seconds: 100)
    #expect(agent.checkRuns.isEmpty)
  }

  @Test func checksOfTasksOfCustomExecutorsAreTheExecutors() throws {
    let agent = try Simulation.subscribed()
    agent.runExecutor([healthChecked()])
    agent.advance(seconds: 100)
    #expect(agent.checkRuns.isEmpty)
  }
}
