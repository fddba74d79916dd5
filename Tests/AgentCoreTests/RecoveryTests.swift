import AgentCore
import Testing
import Wire

@Suite struct RecoveryTests {
  private let durable = framework(checkpoint: true)

  @Test func theAgentKeepsItsID() throws {
    let agent = try Simulation.subscribed().restarted()
    #expect(agent.core.state().agentID == Simulation.agentID)
  }

  @Test func aRunningCommandIsTakenOverAndItsEndIsTold() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(task("t", "sleep 100"), of: durable)
    agent.acknowledge("t")
    agent.acknowledge("t")
    let again = try agent.restarted()
    #expect(again.recovered.map(\.containerID) == [container])
    #expect(again.recovered.first == agent.launches.first)
    again.feed(.containerRecovered(container, pid: 4711))
    again.connect()
    #expect(again.updates.isEmpty)
    again.feed(.containerExited(container, Exit.status(0)))
    again.acknowledgeAll()
    #expect(again.states("t") == [.taskFinished])
    #expect(again.records.keys.sorted() == ["agent", "boot"])
  }

  @Test func anExitThatHappenedMeanwhileIsTold() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(task("t"), of: durable)
    let again = try agent.restarted()
    again.feed(.containerRecovered(container, pid: nil))
    again.feed(.containerExited(container, Exit.status(4)))
    again.connect()
    again.acknowledgeAll()
    #expect(again.states("t") == [.taskStarting, .taskRunning, .taskFailed])
    #expect(again.statuses("t").last?.message == "Command exited with status 4")
  }

  @Test func pendingUpdatesKeepTheirUUIDs() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(task("t"), of: durable)
    agent.feed(.containerExited(container, Exit.status(0)))
    agent.acknowledge("t")
    let inFlight = try #require(agent.statuses("t").last)
    let again = try agent.restarted()
    #expect(again.recovered.isEmpty)
    again.connect()
    #expect(again.statuses("t") == [inFlight])
    again.acknowledgeAll()
    #expect(again.states("t") == [.taskRunning, .taskFinished])
  }

  @Test func aCommandThatWasNeverLaunchedIsDropped() throws {
    let agent = try Simulation.subscribed()
    agent.run([task("t")], of: durable)
    let container = agent.launches[0].containerID
    let again = try agent.restarted()
    again.connect()
    again.feed(.containerRecovered(container, pid: nil))
    again.feed(.containerExited(container, Exit.unknown))
    #expect(again.states("t") == [.taskLost])
    #expect(again.statuses("t")[0].reason == .agentRestarted)
  }

  @Test func aCommandThatWasJustLaunchedIsStillReportedAsRunning() throws {
    let agent = try Simulation.subscribed()
    agent.run([task("t")], of: durable)
    let container = agent.launches[0].containerID
    let again = try agent.restarted()
    again.connect()
    again.feed(.containerRecovered(container, pid: 4711))
    again.acknowledgeAll()
    #expect(again.states("t") == [.taskStarting, .taskRunning])
  }

  @Test func recordsThatNoneCanFollowAreRefused() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(task("t"), of: durable)
    var record = try CheckpointTask(serializedBytes: try #require(agent.records["task/F/t"]))
    record.sequence = .max
    let update = try #require(agent.records.first { $0.key.hasPrefix("update/F/t/") }?.value)
    for (key, bytes) in [("task/F/t", try record.serializedBytes()), ("update/F/t/\(UInt64.max)", update)] {
      let error = #expect(throws: CheckpointError.self) { try agent.restarted(changing: [key: bytes]) }
      #expect(error?.key == key && error?.problem == "has no number that can be")
    }
  }

  @Test func tasksOfFrameworksWithoutCheckpointsAreEnded() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(task("t", "sleep 100"))
    let again = try agent.restarted()
    #expect(again.recovered.isEmpty)
    let kept = again.effects.compactMap { if case .destroyOrphans(let keep) = $0 { keep } else { nil } }
    #expect(kept == [[]])
    again.connect()
    #expect(again.core.state().frameworks.isEmpty)
  }

  @Test func aKillGoesOnAfterARestart() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(task("t", "sleep 100"), of: durable)
    agent.kill("t", graceSeconds: 10)
    let again = try agent.restarted()
    again.feed(.containerRecovered(container, pid: 4711))
    #expect(again.signals == [15])
    again.advance(seconds: 10.5)
    #expect(again.destroyed == [container])
    again.feed(.containerExited(container, Exit.signal(9)))
    again.connect()
    again.acknowledgeAll()
    #expect(again.states("t").last == .taskKilled)
  }

  @Test func completionTimeCountsFromTheFirstStart() throws {
    let agent = try Simulation.subscribed()
    var info = task("t", "sleep 100")
    info.maxCompletionTime.nanoseconds = 60 * Simulation.second
    let container = agent.runCommand(info, of: durable)
    agent.advance(seconds: 50)
    let again = try agent.restarted()
    again.feed(.containerRecovered(container, pid: 4711))
    again.advance(seconds: 9)
    #expect(again.signals.isEmpty)
    again.advance(seconds: 2)
    #expect(again.signals == [15])
  }

  @Test func anExecutorThatSubscribesAgainGoesOn() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runExecutor([task("a", nil)], of: durable)
    agent.update(status("a", .taskRunning, 1))
    agent.acknowledge("a")
    let again = try agent.restarted()
    again.feed(.containerRecovered(container, pid: 4711))
    again.connect()
    again.subscribeExecutor(exchange: 2, tasks: [task("a", nil)], updates: [status("a", .taskRunning, 1)])
    again.advance(seconds: 10)
    #expect(again.destroyed.isEmpty)
    #expect(again.updates.isEmpty)
    #expect(again.events(2).map(\.type) == [.subscribed, .acknowledged])
    again.update(status("a", .taskFinished, 2), exchange: 51)
    #expect(again.states("a") == [.taskFinished])
  }

  @Test func tasksThatWereNotDeliveredAreDeliveredAfterTheRestart() throws {
    let agent = try Simulation.subscribed()
    agent.run([task("a", nil), task("b", nil)], of: durable, on: executor(), group: true)
    let container = agent.launches[0].containerID
    agent.feed(.containerLaunched(container, pid: 5))
    let again = try agent.restarted()
    again.feed(.containerRecovered(container, pid: 5))
    again.subscribeExecutor()
    #expect(again.events().map(\.type) == [.subscribed, .launchGroup])
    #expect(again.events()[1].launchGroup.taskGroup.tasks.map(\.taskID.value) == ["a", "b"])
  }

  @Test func anExecutorThatDoesNotComeBackIsEnded() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runExecutor([task("a", nil)], of: framework(checkpoint: true, [.partitionAware]))
    let again = try agent.restarted()
    again.feed(.containerRecovered(container, pid: 4711))
    again.advance(seconds: 1.9)
    #expect(again.destroyed.isEmpty)
    again.advance(seconds: 0.2)
    #expect(again.destroyed == [container])
    again.feed(.containerExited(container, Exit.signal(9)))
    again.connect()
    #expect(again.states("a") == [.taskGone])
    #expect(again.statuses("a")[0].reason == .executorReregistrationTimeout)
  }

  @Test func afterARebootAllContainersAreGone() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(task("t", "sleep 100"), of: durable)
    agent.acknowledge("t")
    agent.acknowledge("t")
    agent.runExecutor([task("a", nil)], of: durable)
    let again = try agent.restarted(bootID: "boot-2")
    #expect(again.recovered.isEmpty)
    again.connect()
    #expect(again.states("t") == [.taskLost])
    #expect(again.states("a") == [.taskLost])
    #expect(again.statuses("t")[0].message == "The agent's machine rebooted")
    again.acknowledgeAll()
    #expect(again.core.state().frameworks.isEmpty)
  }

  @Test func cleanupEndsEverythingAndStops() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(task("t", "sleep 100"), of: durable)
    agent.configuration.recovery = .cleanup
    let again = try agent.restarted()
    // It is no orphan: it is taken over and then destroyed, so that its end is seen.
    #expect(again.recovered.map(\.containerID) == [container])
    let kept = again.effects.compactMap { if case .destroyOrphans(let keep) = $0 { keep } else { nil } }
    #expect(kept == [[container]])
    again.feed(.containerRecovered(container, pid: 4711))
    #expect(again.destroyed == [container])
    #expect(again.stopReason == nil)
    again.feed(.containerExited(container, Exit.signal(9)))
    #expect(again.stopReason != nil)
    #expect(again.records.isEmpty)
  }

  @Test func aRecordThatCannotBeReadIsNamed() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(task("t"), of: durable)
    var records = agent.records
    records["task/F/t"] = [0xff]
    #expect {
      _ = try Simulation(records: records)
    } throws: { error in
      (error as? CheckpointError)?.key == "task/F/t" && "\(error)".contains("cannot be read")
    }
  }
}
