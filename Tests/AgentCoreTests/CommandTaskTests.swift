import AgentCore
import Testing
import Wire

@Suite struct CommandTaskTests {
  @Test func aCommandThatSucceedsIsStartingRunningFinished() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(task("t"))
    agent.acknowledge("t")
    agent.acknowledge("t")
    agent.feed(.containerExited(container, Exit.status(0)))
    #expect(agent.states("t") == [.taskStarting, .taskRunning, .taskFinished])
    let last = try #require(agent.statuses("t").last)
    #expect(last.message == "Command exited with status 0")
    #expect(!last.hasReason)
  }

  @Test func statusesCarryWhatMesosPutsIntoThem() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(task("t"))
    let status = try #require(agent.statuses("t").first)
    #expect(status.source == .executor)
    #expect(status.agentID.value == Simulation.agentID)
    #expect(status.executorID.value == "t")
    #expect(status.uuid.count == 16)
    #expect(status.timestamp == 1_700_000_000)
    #expect(status.containerStatus.containerID.value == container)
    #expect(status.containerStatus.executorPid == 4711)
    #expect(status.containerStatus.networkInfos.first?.ipAddresses.first?.ipAddress == "127.0.0.1")
  }

  @Test(arguments: [
    (Exit.status(3), "Command exited with status 3"), (Exit.signal(9), "Command terminated with signal Killed"),
    (Exit.signal(11 | 0x80), "Command terminated with signal Segmentation fault (core dumped)"),
  ])
  func aCommandThatFailsSaysHow(outcome: ContainerOutcome, message: String) throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(task("t"))
    agent.feed(.containerExited(container, outcome))
    agent.acknowledgeAll()
    let last = try #require(agent.statuses("t").last)
    #expect(last.state == .taskFailed)
    #expect(last.message == message)
    #expect(last.source == .executor)
  }

  @Test func aLaunchFailureIsTheOnlyStatus() throws {
    let agent = try Simulation.subscribed()
    agent.run([task("t")])
    agent.feed(.containerLaunchFailed(agent.launches[0].containerID, message: "no user 'alice'"))
    agent.acknowledgeAll()
    #expect(agent.states("t") == [.taskFailed])
    let status = agent.statuses("t")[0]
    #expect(status.reason == .containerLaunchFailed)
    #expect(status.source == .agent)
    #expect(status.message == "Failed to launch container: no user 'alice'")
  }

  @Test func aMemoryLimitationNamesTheLimit() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(task("t"))
    let limitation = ContainerOutcome.Limitation(
      kind: .memory, resource: Amount(name: "mem", value: 64_000), message: "Memory limit exceeded: 64 MB")
    agent.feed(.containerExited(container, ContainerOutcome(waitStatus: 9, limitation: limitation)))
    agent.acknowledgeAll()
    let last = try #require(agent.statuses("t").last)
    #expect(last.state == .taskFailed)
    #expect(last.reason == .containerLimitationMemory)
    #expect(last.message == "Memory limit exceeded: 64 MB")
    #expect(last.limitation.resources == [resource("mem", 64)])
  }

  @Test func aCommandWhoseSupervisorDiedIsFailed() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(task("t"))
    agent.feed(.containerExited(container, Exit.unknown))
    agent.acknowledgeAll()
    let last = try #require(agent.statuses("t").last)
    #expect(last.state == .taskFailed)
    #expect(last.reason == .executorTerminated)
    #expect(last.message == "Executor terminated")
    #expect(!last.hasContainerStatus)
  }

  @Test func theContainerGetsTheTasksCommandResourcesAndUser() throws {
    let agent = try Simulation.subscribed()
    var info = task("t", "echo $X", cpus: 0.5, mem: 32)
    info.command.user = "bob"
    info.command.environment.variables = [.with { ($0.name, $0.value) = ("X", "1") }]
    info.limits = ["mem": .with { $0.value = 128 }, "cpus": .with { $0.value = .infinity }]
    agent.run([info])
    let launch = try #require(agent.launches.first)
    #expect(launch.program == "/bin/sh")
    #expect(launch.arguments == ["sh", "-c", "echo $X"])
    #expect(launch.user == "bob")
    #expect(launch.role == "web")
    #expect(launch.isCommandTask)
    #expect(launch.requests == [Amount(name: "cpus", value: 500), Amount(name: "mem", value: 32_000)])
    #expect(
      launch.limits == [Amount(name: "cpus", value: Amount.unlimited), Amount(name: "mem", value: 128_000)])
    let path = "/w/slaves/m-S0/frameworks/F/executors/t/runs/\(launch.containerID)"
    #expect(launch.sandbox == path)
    #expect(launch.environment["MESOS_SANDBOX"] == path)
    #expect(launch.environment["MESOS_SLAVE_PID"] == "slave(1)@127.0.0.1:5051")
    #expect(launch.environment["MESOS_ALLOCATION_ROLE"] == "web")
    #expect(launch.environment["MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD"] == "5secs")
    #expect(launch.environment["MESOS_CHECKPOINT"] == "0")
    #expect(launch.environment["MESOS_RECOVERY_TIMEOUT"] == nil)
    #expect(launch.environment["X"] == "1")
  }

  @Test func aCommandWithoutShellIsLaunchedWithItsArguments() throws {
    let agent = try Simulation.subscribed()
    var info = task("t", "/bin/echo")
    info.command.shell = false
    info.command.arguments = ["echo", "a b"]
    agent.run([info])
    #expect(agent.launches[0].program == "/bin/echo")
    #expect(agent.launches[0].arguments == ["echo", "a b"])
  }

  @Test func theUserIsTheAgentsOwnWithoutSwitching() throws {
    var configuration = Simulation.defaultConfiguration()
    configuration.switchesUser = false
    let agent = try Simulation.subscribed(configuration)
    agent.run([task("t")])
    #expect(agent.launches[0].user == nil)
  }

  @Test(arguments: ["a/b", "..", "", "a\nb"]) func aTaskIDThatIsNoPathComponentIsRefused(id: String) throws {
    let agent = try Simulation.subscribed()
    agent.run([task(id), task("good")])
    #expect(agent.launches.map(\.executorID) == ["good"])
    let status = try #require(agent.updates.first?.status)
    #expect(status.state == .taskError)
    #expect(!status.hasUuid)
  }

  @Test func aTaskThatIsAlreadyHereIsNotLaunchedAgain() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(task("t"))
    agent.run([task("t")])
    #expect(agent.launches.count == 1)
  }

  @Test func completionTimeEndsTheCommand() throws {
    let agent = try Simulation.subscribed()
    var info = task("t", "sleep 100")
    info.maxCompletionTime.nanoseconds = Simulation.second
    let container = agent.runCommand(info)
    agent.advance(seconds: 0.9)
    #expect(agent.signals.isEmpty)
    agent.advance(seconds: 0.2)
    #expect(agent.signals == [15])
    agent.feed(.containerExited(container, Exit.signal(15)))
    agent.acknowledgeAll()
    let last = try #require(agent.statuses("t").last)
    #expect(last.state == .taskFailed)
    #expect(last.reason == .maxCompletionTimeReached)
    #expect(last.message == "Command terminated with signal Terminated")
  }

  @Test func aTaskIDMayBeUsedAgainAfterItsEnd() throws {
    let agent = try Simulation.subscribed()
    for _ in 0..<2 {
      let container = agent.runCommand(task("t"))
      agent.feed(.containerExited(container, Exit.status(0)))
      agent.acknowledgeAll()
    }
    #expect(agent.launches.count == 2)
    #expect(agent.launches[0].sandbox != agent.launches[1].sandbox)
    let past = agent.core.state().completedFrameworks
    #expect(past.first?.completedExecutors.map(\.containerID) == agent.launches.map(\.containerID))
  }
}
