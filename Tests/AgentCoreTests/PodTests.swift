import AgentCore
import Testing
import Wire

/// Task groups on executors of type DEFAULT, which the agent plays.
@Suite struct PodTests {
  @Test func aGroupRunsInContainersWithinThatOfItsExecutor() throws {
    let agent = try Simulation.subscribed()
    agent.run([task("a", "work", cpus: 1), task("b", cpus: 0.5)], on: pod(), group: true)
    let parent = try #require(agent.launches.first)
    #expect(agent.launches.count == 1 && parent.isPod && !parent.isCommandTask)
    #expect(
      parent.requests.map { "\($0.name) \($0.value)" } == ["cpus 1600", "mem 160000", "disk 16000"])
    #expect(agent.updates.isEmpty)

    agent.feed(.containerLaunched(parent.containerID, pid: 4711))
    let launches = agent.launches.dropFirst()
    #expect(launches.map { $0.nesting?.parentID } == [parent.containerID, parent.containerID])
    #expect(launches.map { $0.nesting?.taskID } == ["a", "b"])
    #expect(launches.first?.sandbox == "\(parent.sandbox)/containers/\(agent.nested("a"))")
    #expect(launches.first?.arguments == ["sh", "-c", "work"])
    #expect(launches.first?.nesting?.sharesLimits == true)
    #expect(agent.states("a") == [.taskStarting] && agent.states("b") == [.taskStarting])
    agent.feed(.containerLaunched(agent.nested("a"), pid: 5000))
    agent.acknowledge("a")
    #expect(agent.states("a") == [.taskStarting, .taskRunning])
    #expect(agent.states("b") == [.taskStarting])
  }

  @Test func statusesNameTheContainerWithinItsParent() throws {
    let agent = try Simulation.subscribed()
    let parent = agent.runPod([task("a")])
    agent.acknowledge("a")
    let status = try #require(agent.statuses("a").last)
    #expect(status.containerStatus.containerID.value == agent.nested("a"))
    #expect(status.containerStatus.containerID.parent.value == parent)
    #expect(status.containerStatus.executorPid == 5000)
    #expect(status.executorID.value == "P")
    #expect(status.source == .executor)
  }

  @Test func theTasksEnvironmentIsThatOfMesosDefaultExecutor() throws {
    let agent = try Simulation.subscribed()
    var info = task("a")
    info.command.environment.variables = [.with { ($0.name, $0.value) = ("X", "1") }]
    info.command.user = "bob"
    agent.runPod([info])
    let launch = try #require(agent.launches.last)
    #expect(launch.environment["MESOS_ALLOCATION_ROLE"] == "web")
    #expect(launch.environment["MESOS_CONTAINER_IP"] == "127.0.0.1")
    #expect(launch.environment["MESOS_SANDBOX"] == launch.sandbox)
    #expect(launch.environment["MESOS_DIRECTORY"] == launch.sandbox)
    #expect(launch.environment["MESOS_EXECUTOR_ID"] == "P")
    #expect(launch.environment["X"] == "1")
    #expect(launch.user == "bob" && launch.nesting?.parentUser == "alice")
  }

  @Test func aTaskThatFinishesLeavesTheOthersAlone() throws {
    let agent = try Simulation.subscribed()
    let parent = agent.runPod([task("a"), task("b")])
    agent.exit("a", Exit.status(0))
    agent.acknowledgeAll()
    #expect(agent.states("a").last == .taskFinished)
    #expect(!agent.signalled("b") && agent.destroyed.isEmpty)
    agent.exit("b", Exit.status(0))
    #expect(agent.destroyed == [parent])
    agent.feed(.containerExited(parent, Exit.signal(9)))
    agent.acknowledgeAll()
    #expect(agent.states("b").last == .taskFinished)
    #expect(agent.executorExits == [0])
    #expect(agent.core.state().frameworks.isEmpty)
  }

  @Test func aTaskThatFailsTakesItsGroupDown() throws {
    let agent = try Simulation.subscribed()
    let parent = agent.runPod([task("a"), task("b")])
    agent.exit("a", Exit.status(1))
    #expect(agent.signalled("b"))
    agent.exit("b", Exit.signal(15))
    agent.acknowledgeAll()
    #expect(agent.states("a").last == .taskFailed)
    #expect(agent.states("b").last == .taskKilled)
    #expect(agent.statuses("b").last?.message == "Command terminated with signal Terminated")
    #expect(agent.destroyed == [parent])
  }

  @Test func oneGroupsFailureIsNotAnothers() throws {
    let agent = try Simulation.subscribed()
    let parent = agent.runPod([task("a"), task("b")])
    #expect(agent.runPod([task("c"), task("d")]) == parent)
    #expect(agent.launches.filter(\.isPod).count == 1)
    agent.exit("a", Exit.status(1))
    #expect(agent.signalled("b") && !agent.signalled("c") && !agent.signalled("d"))
    agent.exit("b", Exit.signal(15))
    agent.exit("c", Exit.status(0))
    #expect(agent.destroyed.isEmpty)
    agent.exit("d", Exit.status(0))
    #expect(agent.destroyed == [parent])
  }

  @Test func thePodIsFittedToItsTasksAsTheyComeAndGo() throws {
    let agent = try Simulation.subscribed()
    let parent = agent.runPod([task("a", cpus: 1)])
    agent.runPod([task("b", cpus: 2)])
    agent.exit("a", Exit.status(0))
    let cpus = agent.effects.compactMap { effect -> Int64? in
      guard case .update(parent, let requests, _) = effect else { return nil }
      return requests.first { $0.name == "cpus" }?.value
    }
    #expect(cpus == [1100, 3100, 2100])
  }

  @Test func aTaskWithLimitsOfItsOwnIsTold() throws {
    let agent = try Simulation.subscribed()
    var info = task("a", cpus: 1, mem: 64)
    info.container.linuxInfo.shareCgroups = false
    info.limits = ["mem": .with { $0.value = 128 }]
    agent.runPod([info, task("b", mem: 64)])
    let launch = try #require(agent.launches.first { $0.nesting?.taskID == "a" })
    #expect(launch.nesting?.sharesLimits == false)
    #expect(launch.requests == [Amount(name: "cpus", value: 1000), Amount(name: "mem", value: 64_000)])
    #expect(launch.limits == [Amount(name: "mem", value: 128_000)])
    #expect(agent.launches[0].limits == [Amount(name: "mem", value: 224_000)])
  }

  @Test func aLaunchThatFailsTakesTheGroupDown() throws {
    let agent = try Simulation.subscribed()
    agent.runPod([task("a"), task("b"), task("c")], upToRunning: false)
    agent.feed(.containerLaunched(agent.nested("b"), pid: 5001))
    agent.feed(.containerLaunchFailed(agent.nested("a"), message: "no such user"))
    #expect(agent.signalled("b"))
    // It was on its way when the group ended.
    agent.feed(.containerLaunched(agent.nested("c"), pid: 5002))
    #expect(agent.destroyed == [agent.nested("c")])
    agent.exit("c", Exit.signal(9))
    agent.exit("b", Exit.signal(15))
    agent.acknowledgeAll()
    #expect(agent.states("a") == [.taskStarting, .taskFailed])
    #expect(agent.statuses("a").last?.reason == .containerLaunchFailed)
    #expect(agent.states("b").last == .taskKilled)
    #expect(agent.statuses("c").last?.reason == .taskKilledDuringLaunch)
  }

  @Test func aPodThatCannotBeLaunchedFailsAllItsTasks() throws {
    let agent = try Simulation.subscribed()
    agent.run([task("a"), task("b")], on: pod(), group: true)
    agent.feed(.containerLaunchFailed(agent.launches[0].containerID, message: "no room"))
    agent.acknowledgeAll()
    for id in ["a", "b"] {
      #expect(agent.states(id) == [.taskFailed])
      #expect(agent.statuses(id).last?.reason == .containerLaunchFailed)
    }
    #expect(agent.core.state().frameworks.isEmpty)
  }

  // MARK: Kill

  @Test func aKillEndsTheWholeGroupWithEachTasksGrace() throws {
    let agent = try Simulation.subscribed()
    var slow = task("b")
    slow.killPolicy.gracePeriod.nanoseconds = 10 * Simulation.second
    agent.runPod([task("a"), slow], of: framework([.taskKillingState]))
    agent.kill("a")
    agent.acknowledgeAll()
    #expect(agent.states("a").last == .taskKilling)
    #expect(agent.signalled("a") && !agent.signalled("b"))
    agent.exit("a", Exit.status(0))
    #expect(agent.signalled("b"))
    agent.advance(seconds: 9.9)
    #expect(agent.destroyed.isEmpty)
    agent.advance(seconds: 0.2)
    #expect(agent.destroyed == [agent.nested("b")])
    agent.exit("b", Exit.signal(9))
    agent.acknowledgeAll()
    #expect(agent.states("a").last == .taskKilled && agent.states("b").last == .taskKilled)
  }

  @Test func aSecondKillOnlyShortens() throws {
    let agent = try Simulation.subscribed()
    agent.runPod([task("a")])
    agent.kill("a", graceSeconds: 5)
    agent.kill("a", graceSeconds: 60)
    agent.kill("a", graceSeconds: 1)
    #expect(agent.signals == [15])
    agent.advance(seconds: 1.1)
    #expect(agent.destroyed == [agent.nested("a")])
  }

  @Test func aKillBeforeThePodRunsEndsTheGroupAndThePod() throws {
    let agent = try Simulation.subscribed()
    agent.run([task("a"), task("b")], on: pod(), group: true)
    agent.kill("a")
    agent.acknowledgeAll()
    for id in ["a", "b"] {
      #expect(agent.states(id) == [.taskKilled])
      #expect(agent.statuses(id).last?.reason == .taskKilledDuringLaunch)
    }
    let parent = agent.launches[0].containerID
    agent.feed(.containerLaunched(parent, pid: 4711))
    #expect(agent.launches.count == 1 && agent.destroyed == [parent])
    agent.feed(.containerExited(parent, Exit.signal(9)))
    #expect(agent.core.state().frameworks.isEmpty)
  }

  @Test func completionTimeFailsTheTaskAndSoTheGroup() throws {
    let agent = try Simulation.subscribed()
    var short = task("a")
    short.maxCompletionTime.nanoseconds = 2 * Simulation.second
    agent.runPod([short, task("b")])
    agent.advance(seconds: 2.1)
    #expect(agent.signalled("a") && !agent.signalled("b"))
    agent.exit("a", Exit.signal(15))
    #expect(agent.signalled("b"))
    agent.acknowledgeAll()
    #expect(agent.states("a").last == .taskFailed)
    #expect(agent.statuses("a").last?.reason == .maxCompletionTimeReached)
  }

  @Test func shutdownKillsAllTasksAndThenThePod() throws {
    let agent = try Simulation.subscribed()
    let parent = agent.runPod([task("a"), task("b")])
    agent.feedMaster(
      .shutdownExecutor(
        .with {
          $0.frameworkID.value = "F"
          $0.executorID.value = "P"
        }))
    #expect(agent.signalled("a") && agent.signalled("b"))
    agent.exit("a", Exit.signal(15))
    agent.advance(seconds: 3.1)
    #expect(agent.destroyed == [agent.nested("b")])
    agent.advance(seconds: 2)
    #expect(agent.destroyed == [agent.nested("b"), parent])
    agent.exit("b", Exit.signal(9))
    agent.feed(.containerExited(parent, Exit.signal(9)))
    agent.acknowledgeAll()
    #expect(agent.states("a").last == .taskKilled && agent.states("b").last == .taskKilled)
    #expect(agent.core.state().frameworks.isEmpty)
  }

  @Test func aGroupForAPodThatEndsIsDropped() throws {
    let agent = try Simulation.subscribed()
    agent.runPod([task("a")])
    agent.exit("a", Exit.status(0))
    agent.run([task("b")], on: pod(), group: true)
    agent.acknowledgeAll()
    #expect(agent.states("b") == [.taskLost])
    #expect(agent.statuses("b").last?.reason == .executorTerminated)
  }

  // MARK: The pod's own end

  @Test func aLimitOfThePodIsToldOfEachTask() throws {
    let agent = try Simulation.subscribed()
    let parent = agent.runPod([task("a"), task("b")])
    let limited = ContainerOutcome(
      waitStatus: 9,
      limitation: .init(
        kind: .memory, resource: Amount(name: "mem", value: 160_000), message: "Memory limit exceeded: 160 MB"))
    agent.exit("a", limited)
    agent.exit("b", limited)
    agent.feed(.containerExited(parent, limited))
    agent.acknowledgeAll()
    for id in ["a", "b"] {
      #expect(agent.states(id).last == .taskFailed)
      #expect(agent.statuses(id).last?.reason == .containerLimitationMemory)
      #expect(agent.statuses(id).last?.limitation.resources == [resource("mem", 160)])
    }
  }

  @Test func aPodThatDiesFirstWaitsForItsTasks() throws {
    let agent = try Simulation.subscribed()
    let parent = agent.runPod([task("a"), task("b")])
    agent.feed(.containerExited(parent, Exit.signal(9)))
    #expect(agent.destroyed == [agent.nested("a"), agent.nested("b")])
    #expect(agent.executorExits.isEmpty)
    agent.exit("a", Exit.signal(9))
    agent.exit("b", Exit.signal(9))
    agent.acknowledgeAll()
    #expect(agent.executorExits == [9])
    #expect(agent.states("a").last == .taskFailed && agent.states("b").last == .taskKilled)
    #expect(agent.core.state().frameworks.isEmpty)
  }

  // MARK: Refusals

  @Test func aGroupWithATaskThatCannotRunIsRefusedAsAWhole() throws {
    let agent = try Simulation.subscribed()
    var bad = task("b")
    bad.container.volumes = [sharedVolume("../other", at: "data")]
    agent.run([task("a"), bad], on: pod(), group: true)
    #expect(agent.launches.isEmpty)
    #expect(agent.states("a") == [.taskError] && agent.states("b") == [.taskError])
    let status = try #require(agent.statuses("a").last)
    #expect(status.reason == .taskGroupInvalid && !status.hasUuid)
    #expect(status.message == "Task 'b' is invalid: Volume 'data': '../other' is not a path below the sandbox")
  }

  @Test func nobodySubscribesAsAPod() throws {
    let agent = try Simulation.subscribed()
    agent.runPod([task("a")])
    agent.subscribeExecutor("P", exchange: 7)
    #expect(agent.responses(7).map(\.text) == ["Executor cannot be found"])
  }

  // MARK: Volumes

  @Test func sharedPathsOfThePodAreTold() throws {
    let agent = try Simulation.subscribed()
    var info = task("a")
    info.container.volumes = [sharedVolume("shared/data", at: "data")]
    let parent = agent.runPod([info])
    let nesting = try #require(agent.launches.last?.nesting)
    #expect(nesting.paths.map { [$0.path, $0.containerPath] } == [["shared/data", "data"]])
    #expect(nesting.parentSandbox == agent.launches.first { $0.containerID == parent }?.sandbox)
  }

  @Test func onlyATaskWithAnImageSharesReadOnly() throws {
    for hasImage in [false, true] {
      var configuration = Simulation.defaultConfiguration()
      configuration.rootDirectory = "/roots"
      let agent = try Simulation.subscribed(configuration)
      var info = task("a")
      info.container.type = .mesos
      info.container.volumes = [sharedVolume("shared", at: "data")]
      info.container.volumes[0].mode = .ro
      if hasImage {
        info.container.mesos.image.type = .docker
        info.container.mesos.image.docker.name = "tiny"
      }
      agent.run([info], on: pod(), group: true)
      #expect(agent.states("a") == (hasImage ? [] : [.taskError]))
    }
  }

  private func sharedVolume(_ path: String, at containerPath: String) -> MesosVolume {
    .with {
      $0.mode = .rw
      $0.containerPath = containerPath
      $0.source.type = .sandboxPath
      $0.source.sandboxPath.type = .parent
      $0.source.sandboxPath.path = path
    }
  }

  // MARK: Recovery

  @Test func tasksOfAPodLiveOnOverARestart() throws {
    let first = try Simulation.subscribed()
    let parent = first.runPod([task("a"), task("b")], of: framework(checkpoint: true))
    first.acknowledgeAll()
    let agent = try first.restarted()
    #expect(agent.recovered.map(\.containerID) == [parent, first.nested("a"), first.nested("b")])
    #expect(agent.recovered.map { $0.nesting?.parentID } == [nil, parent, parent])
    for launch in agent.recovered { agent.feed(.containerRecovered(launch.containerID, pid: 4711)) }
    agent.connect()
    agent.advance(seconds: 30)
    #expect(agent.updates.isEmpty && agent.destroyed.isEmpty)
    agent.feed(.containerExited(first.nested("a"), Exit.status(0)))
    agent.feed(.containerExited(first.nested("b"), Exit.status(0)))
    agent.acknowledgeAll()
    #expect(agent.states("a") == [.taskFinished] && agent.states("b") == [.taskFinished])
    #expect(agent.destroyed == [parent])
    agent.feed(.containerExited(parent, Exit.signal(9)))
    #expect(agent.records.keys.sorted() == ["agent", "boot"])
  }

  @Test func aFailureWhileTheAgentWasAwayStillTakesTheGroupDown() throws {
    let first = try Simulation.subscribed()
    let parent = first.runPod([task("a"), task("b")], of: framework(checkpoint: true))
    first.acknowledgeAll()
    let agent = try first.restarted()
    agent.feed(.containerRecovered(parent, pid: 4711))
    agent.feed(.containerRecovered(first.nested("a"), pid: nil))
    agent.feed(.containerRecovered(first.nested("b"), pid: 5001))
    agent.feed(.containerExited(first.nested("a"), Exit.status(5)))
    #expect(agent.signals == [15])
    agent.connect()
    agent.feed(.containerExited(first.nested("b"), Exit.signal(15)))
    agent.acknowledgeAll()
    #expect(agent.states("a") == [.taskFailed])
    #expect(agent.statuses("a").last?.message == "Command exited with status 5")
    #expect(agent.states("b") == [.taskKilled])
  }

  @Test func aGroupThatWaitedForItsPodIsStartedByTheNextAgent() throws {
    let first = try Simulation.subscribed()
    first.run([task("a"), task("b")], of: framework(checkpoint: true), on: pod(), group: true)
    let agent = try first.restarted()
    #expect(agent.recovered.count == 1)
    agent.feed(.containerRecovered(agent.recovered[0].containerID, pid: 4711))
    #expect(agent.launches.map { $0.nesting?.taskID } == ["a", "b"])
  }

  @Test func aPodThatDidNotOutliveItsAgentWaitsForWordOfItsTasks() throws {
    let first = try Simulation.subscribed()
    let parent = first.runPod([task("a")], of: framework(checkpoint: true))
    first.acknowledgeAll()
    let agent = try first.restarted()
    agent.feed(.containerRecovered(parent, pid: nil))
    agent.feed(.containerExited(parent, Exit.signal(9)))
    agent.connect()
    #expect(agent.updates.isEmpty)
    agent.feed(.containerRecovered(first.nested("a"), pid: nil))
    agent.feed(.containerExited(first.nested("a"), Exit.status(0)))
    agent.acknowledgeAll()
    #expect(agent.states("a") == [.taskFinished])
    #expect(agent.records.keys.sorted() == ["agent", "boot"])
  }

  @Test func aKillIsFinishedByTheNextAgent() throws {
    let first = try Simulation.subscribed()
    let parent = first.runPod([task("a")], of: framework(checkpoint: true))
    first.acknowledgeAll()
    first.kill("a", graceSeconds: 5)
    let agent = try first.restarted()
    agent.feed(.containerRecovered(parent, pid: 4711))
    agent.feed(.containerRecovered(first.nested("a"), pid: 5000))
    #expect(agent.signals == [15])
    agent.advance(seconds: 5.1)
    #expect(agent.destroyed == [first.nested("a")])
  }

  @Test func aRebootEndsAllTasksOfAPod() throws {
    let first = try Simulation.subscribed()
    first.runPod([task("a"), task("b")], of: framework(checkpoint: true))
    first.acknowledgeAll()
    let agent = try first.restarted(bootID: "boot-2")
    agent.connect()
    agent.acknowledgeAll()
    #expect(agent.recovered.isEmpty)
    for id in ["a", "b"] { #expect(agent.statuses(id).last?.reason == .agentRestarted) }
    #expect(agent.core.state().frameworks.isEmpty)
  }
}
