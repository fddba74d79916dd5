import AgentCore
import Testing
import Wire

/// When checks run, what they do, and what is told of them.
@Suite struct CheckTests {
  // MARK: Rhythm

  @Test func aCheckRunsAfterItsDelayAndThenAnIntervalAfterEachEnd() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(healthChecked(delay: 5, interval: 2))
    agent.advance(seconds: 4.9)
    #expect(agent.checkRuns.isEmpty)
    agent.advance(seconds: 0.2)
    #expect(agent.checkRuns.count == 1)
    agent.advance(seconds: 10)
    #expect(agent.checkRuns.count == 1)
    agent.endCheck(.connected(true))
    agent.advance(seconds: 1.9)
    #expect(agent.checkRuns.count == 1)
    agent.advance(seconds: 0.2)
    #expect(agent.checkRuns.count == 2)
    #expect(Set(agent.checkRuns.map(\.id)).count == 2)
  }

  @Test func timesThatAreNotGivenAreThoseOfTheProtocol() throws {
    let agent = try Simulation.subscribed()
    var info = task("t", "sleep 100")
    info.healthCheck.type = .tcp
    info.healthCheck.tcp.port = 80
    agent.runCommand(info)
    agent.advance(seconds: 14.9)
    #expect(agent.checkRuns.isEmpty)
    agent.advance(seconds: 0.2)
    #expect(agent.checkRuns.count == 1)
    agent.advance(seconds: 19.8)
    #expect(agent.endedRuns.isEmpty)
    agent.advance(seconds: 0.2)
    #expect(agent.endedRuns == agent.checkRuns.map(\.id))
    agent.endCheck(.failed("ended"))
    agent.advance(seconds: 9.8)
    #expect(agent.checkRuns.count == 1)
    agent.advance(seconds: 0.3)
    #expect(agent.checkRuns.count == 2)
  }

  @Test func aRunThatTakesTooLongFailsAtOnceAndTheNextWaitsForItsEnd() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(healthChecked(timeout: 3))
    agent.advance(seconds: 3.1)
    #expect(agent.endedRuns == agent.checkRuns.map(\.id))
    #expect(agent.checked("t") == ["Starting", "Running", "Running unhealthy"])
    agent.advance(seconds: 60)
    #expect(agent.checkRuns.count == 1)
    // Whatever it still says does not count twice.
    agent.endCheck(.exited(waitStatus: 0))
    #expect(agent.checked("t").count == 3)
    agent.advance(seconds: 1.1)
    #expect(agent.checkRuns.count == 2)
  }

  @Test func withoutATimeoutARunTakesAsLongAsItTakes() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(healthChecked(timeout: 0))
    agent.advance(seconds: 100_000)
    #expect(agent.checkRuns.count == 1 && agent.endedRuns.isEmpty)
  }

  @Test(arguments: [0, -1, 1e300, .infinity, .nan]) func oddTimesHarmNobody(seconds: Double) throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(healthChecked(delay: seconds, interval: seconds, timeout: seconds, grace: seconds))
    for _ in 0..<5 {
      agent.advance(seconds: 0.05)
      agent.endCheck(.connected(true))
    }
    // Not without any pause.
    #expect(agent.checkRuns.count <= 3)
  }

  // MARK: Checks

  @Test func everyStatusOfATaskWithACheckSaysSoAndResultsAreToldWhenTheyChange() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(
      generallyChecked {
        $0.type = .command
        $0.command.command.value = "exit 7"
      })
    for code: Int32 in [7, 7, 0, 7] {
      agent.advance(seconds: 1)
      agent.endCheck(.exited(waitStatus: code << 8))
    }
    agent.advance(seconds: 1)
    agent.endCheck(.failed("no such program"))
    agent.feed(.containerExited(container, Exit.status(0)))
    #expect(
      agent.checked("t") == ["Starting", "Running", "Running 7", "Running 0", "Running 7", "Running", "Finished"])
    for status in agent.statuses("t") {
      #expect(status.checkStatus.type == .command && status.checkStatus.hasCommand && !status.hasHealthy)
    }
    let reasons = agent.statuses("t")[2...5].map(\.reason)
    #expect(Set(reasons) == [.taskCheckStatusUpdated])
    #expect(agent.signals.isEmpty)
  }

  @Test func answersAndConnectionsAreResultsToo() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(
      generallyChecked {
        $0.type = .http
        $0.http.port = 80
      })
    agent.advance(seconds: 0)
    agent.endCheck(.answered(status: 503))
    #expect(agent.checked("t") == ["Starting", "Running", "Running 503"])
    let other = try Simulation.subscribed()
    other.runCommand(
      generallyChecked {
        $0.type = .tcp
        $0.tcp.port = 80
      })
    other.advance(seconds: 0)
    other.endCheck(.connected(false))
    #expect(other.checked("t") == ["Starting", "Running", "Running false"])
  }

  @Test func aTaskMayHaveBothAndEachUpdateKeepsWhatTheOtherTold() throws {
    let agent = try Simulation.subscribed()
    var info = healthChecked()
    info.check.type = .tcp
    info.check.tcp.port = 81
    info.check.delaySeconds = 0.5
    agent.runCommand(info)
    agent.advance(seconds: 0)
    agent.endCheck(.connected(true))
    agent.advance(seconds: 0.5)
    agent.endCheck(.connected(true))
    #expect(agent.checked("t") == ["Starting", "Running", "Running healthy", "Running healthy true"])
    #expect(agent.checkRuns.map(\.action) == [.tcp(port: 80, isIPv6: false), .tcp(port: 81, isIPv6: false)])
  }

  @Test func aFrameworkThatAcknowledgesNothingIsNotBuriedUnderResults() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(
      generallyChecked {
        $0.type = .command
        $0.command.command.value = "exit $RANDOM"
      }, of: framework(checkpoint: true))
    for code: Int32 in 0..<200 {
      agent.advance(seconds: 1)
      agent.endCheck(.exited(waitStatus: code << 8))
    }
    #expect(agent.records.count < 80)
    agent.acknowledgeAll()
    agent.advance(seconds: 1)
    agent.endCheck(.exited(waitStatus: 3 << 8))
    #expect(agent.checked("t").last == "Running 3")
  }

  // MARK: What is done

  @Test func theActionIsThatOfTheCheck() throws {
    let agent = try Simulation.subscribed()
    var tasks = (0..<4).map { task("t\($0)", "sleep 100") }
    for index in tasks.indices { tasks[index].healthCheck.delaySeconds = 0 }
    tasks[0].healthCheck.type = .command
    tasks[0].healthCheck.command.value = "test $A$B = ab"
    tasks[0].healthCheck.command.environment.variables = [.with { ($0.name, $0.value) = ("B", "b") }]
    tasks[0].command.environment.variables = [.with { ($0.name, $0.value) = ("A", "a") }]
    tasks[1].healthCheck.type = .http
    tasks[1].healthCheck.http.port = 8080
    tasks[1].healthCheck.http.path = "/health"
    tasks[2].healthCheck.type = .http
    tasks[2].healthCheck.http.port = 8443
    tasks[2].healthCheck.http.scheme = "https"
    tasks[3].healthCheck.type = .tcp
    tasks[3].healthCheck.tcp.port = 22
    tasks[3].healthCheck.tcp.protocol = .ipv6
    let containers = tasks.map { agent.runCommand($0) }
    agent.advance(seconds: 0)
    #expect(agent.checkRuns.map(\.containerID).sorted() == containers.sorted())
    let actions = Dictionary(uniqueKeysWithValues: agent.checkRuns.map { ($0.containerID, $0.action) })
    guard case .command("/bin/sh", ["sh", "-c", "test $A$B = ab"], let environment) = actions[containers[0]] else {
      Issue.record("no command: \(agent.checkRuns)")
      return
    }
    #expect(environment["A"] == "a" && environment["B"] == "b")
    #expect(environment["MESOS_SANDBOX"] == agent.launches[0].sandbox)
    #expect(actions[containers[1]] == .http(port: 8080, path: "/health", isIPv6: false))
    #expect(actions[containers[2]] == .https(port: 8443, path: "", isIPv6: false))
    #expect(actions[containers[3]] == .tcp(port: 22, isIPv6: true))
    #expect(agent.launches.map(\.isCheckedByHTTPS) == [false, false, true, false])
  }

  // MARK: Pods

  @Test func anUnhealthyTaskOfAPodTakesItsGroupDown() throws {
    let agent = try Simulation.subscribed()
    var info = healthChecked(failures: 1)
    info.healthCheck.type = .command
    info.healthCheck.command.value = "false"
    agent.runPod([info, task("other", "sleep 100")])
    agent.advance(seconds: 0)
    let run = try #require(agent.checkRuns.last)
    #expect(run.containerID == agent.nested("t"))
    let sandbox = try #require(agent.launches.last { $0.nesting?.taskID == "t" }?.sandbox)
    guard case .command(_, _, let environment) = run.action else {
      Issue.record("no command: \(run)")
      return
    }
    #expect(environment["MESOS_SANDBOX"] == sandbox)
    agent.endCheck(.exited(waitStatus: 1 << 8))
    #expect(agent.signalled("t") && !agent.signalled("other"))
    agent.exit("t", Exit.signal(15))
    #expect(agent.signalled("other"))
    agent.exit("other", Exit.signal(15))
    #expect(agent.checked("t") == ["Starting", "Running", "Running unhealthy", "Killed unhealthy"])
    #expect(agent.checked("other") == ["Starting", "Running", "Killed unhealthy"])
  }

  // MARK: Restarts

  private let durable = framework(checkpoint: true)

  @Test func checksGoOnAfterARestart() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(healthChecked(delay: 5, failures: 3), of: durable)
    agent.advance(seconds: 5)
    agent.endCheck(.connected(true))
    agent.advance(seconds: 1)
    agent.endCheck(.connected(false))
    agent.acknowledgeAll()
    let again = try agent.restarted()
    again.feed(.containerRecovered(container, pid: 4711))
    again.connect()
    // The delay is over.
    again.advance(seconds: 0)
    again.endCheck(.connected(false))
    #expect(again.signals.isEmpty)
    again.advance(seconds: 1)
    again.endCheck(.connected(false))
    #expect(again.signals == [15])
    // The end of the run of the earlier life is nothing to this one.
    again.feed(.checkEnded(run: agent.checkRuns[0].id, .connected(true)))
    let third = try again.restarted()
    third.feed(.containerRecovered(container, pid: 4711))
    third.connect()
    third.advance(seconds: 1)
    #expect(third.checkRuns.isEmpty)
    third.feed(.containerExited(container, Exit.signal(15)))
    #expect(third.checked("t").last == "Killed unhealthy")
  }

  @Test func healthAndResultsThatWereToldAreNotToldAgain() throws {
    let agent = try Simulation.subscribed()
    var info = healthChecked()
    info.check =
      generallyChecked {
        $0.type = .tcp
        $0.tcp.port = 81
      }.check
    info.check.delaySeconds = 0.5
    let container = agent.runCommand(info, of: durable)
    agent.advance(seconds: 0)
    agent.endCheck(.connected(true))
    agent.advance(seconds: 0.5)
    agent.endCheck(.connected(true))
    agent.acknowledgeAll()
    let again = try agent.restarted()
    again.feed(.containerRecovered(container, pid: 4711))
    again.connect()
    again.advance(seconds: 0)
    for run in again.checkRuns { again.feed(.checkEnded(run: run.id, .connected(true))) }
    #expect(again.checkRuns.count == 2 && again.updates.isEmpty)
  }

  @Test func theGracePeriodCountsFromTheFirstStart() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(healthChecked(failures: 1, grace: 10), of: durable)
    agent.acknowledgeAll()
    agent.advance(seconds: 8)
    let again = try agent.restarted()
    again.feed(.containerRecovered(container, pid: 4711))
    again.advance(seconds: 0)
    again.endCheck(.connected(false))
    #expect(again.signals.isEmpty)
    again.advance(seconds: 3)
    again.endCheck(.connected(false))
    #expect(again.signals == [15])
  }

  /// An earlier version of the agent wrote down no start of a task.
  @Test func theGracePeriodCountsWithoutARecordOfTheStart() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(healthChecked(failures: 1, grace: 10), of: durable)
    agent.acknowledgeAll()
    agent.advance(seconds: 8)
    var progress = try CheckpointProgress(serializedBytes: try #require(agent.records["progress/F/t"]))
    progress.clearStartedNs()
    let again = try agent.restarted(changing: ["progress/F/t": try progress.serializedBytes()])
    again.feed(.containerRecovered(container, pid: 4711))
    again.advance(seconds: 0)
    again.endCheck(.connected(false))
    #expect(again.signals.isEmpty)
    again.advance(seconds: 11)
    again.endCheck(.connected(false))
    #expect(again.signals == [15])
  }

  @Test(arguments: [Int64.min, -1, .max]) func aStartThatCannotBeEndsNoAgent(startedNs: Int64) throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(healthChecked(failures: 1, grace: 1), of: durable)
    var progress = try CheckpointProgress(serializedBytes: try #require(agent.records["progress/F/t"]))
    progress.startedNs = startedNs
    progress.failedHealthChecks = .max
    let again = try agent.restarted(changing: ["progress/F/t": try progress.serializedBytes()])
    again.feed(.containerRecovered(container, pid: 4711))
    again.advance(seconds: 2)
    again.endCheck(.connected(false))
    #expect(again.signals == [15])
  }

  @Test func whatChecksTellDoesNotProlongTheCompletionTime() throws {
    let agent = try Simulation.subscribed()
    var info = healthChecked(delay: 50)
    info.maxCompletionTime.nanoseconds = 60 * Simulation.second
    let container = agent.runCommand(info, of: durable)
    agent.advance(seconds: 50)
    agent.endCheck(.connected(true))
    let again = try agent.restarted()
    again.feed(.containerRecovered(container, pid: 4711))
    again.advance(seconds: 9.5)
    #expect(again.signals.isEmpty)
    again.advance(seconds: 1)
    #expect(again.signals == [15])
  }
}
