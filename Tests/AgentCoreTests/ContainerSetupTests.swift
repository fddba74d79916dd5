import AgentCore
import Testing
import Wire

/// What a task's ContainerInfo comes to, and what of it is refused.
@Suite struct ContainerSetupTests {
  private func task(_ change: (inout MesosContainerInfo) -> Void) -> MesosTaskInfo {
    var info = AgentCoreTests.task("t")
    info.container.type = .mesos
    change(&info.container)
    return info
  }

  private func volume(_ path: String, _ mode: MesosVolume.Mode = .rw, host: String? = nil) -> MesosVolume {
    .with {
      $0.containerPath = path
      $0.mode = mode
      if let host { $0.hostPath = host }
    }
  }

  private func launch(_ task: MesosTaskInfo, rootDirectory: String? = nil) throws -> ContainerLaunch {
    var configuration = Simulation.defaultConfiguration()
    configuration.rootDirectory = rootDirectory
    let agent = try Simulation.subscribed(configuration)
    agent.run([task])
    return try #require(agent.launches.first)
  }

  private func refusal(_ task: MesosTaskInfo, rootDirectory: String? = nil) throws -> String {
    var configuration = Simulation.defaultConfiguration()
    configuration.rootDirectory = rootDirectory
    let agent = try Simulation.subscribed(configuration)
    agent.run([task])
    #expect(agent.launches.isEmpty)
    let status = try #require(agent.statuses("t").first)
    #expect(status.state == .taskError && status.reason == .taskInvalid && status.source == .agent)
    return status.message
  }

  @Test func volumesOfTheHostAndTheSandboxArrive() throws {
    let setup = try launch(
      task { info in
        info.volumes = [
          volume("data", host: "/srv/data"), volume("/etc/app", .ro, host: "/srv/etc"), volume("/t", host: "tmp"),
        ]
        info.volumes.append(volume("/cache"))
        info.volumes[3].source.type = .sandboxPath
        info.volumes[3].source.sandboxPath.type = .self_
        info.volumes[3].source.sandboxPath.path = "a/b"
        info.volumes.append(volume("new"))
        info.volumes[4].source.type = .hostPath
        info.volumes[4].source.hostPath.path = "/srv/new"
      }
    ).setup
    #expect(
      setup.volumes.map(\.source) == [
        .host("/srv/data"), .host("/srv/etc"), .sandbox("tmp"), .sandbox("a/b"), .host("/srv/new"),
      ])
    #expect(setup.volumes.map(\.containerPath) == ["data", "/etc/app", "/t", "/cache", "new"])
    #expect(setup.volumes.map(\.isReadOnly) == [false, true, false, false, false])
  }

  @Test func limitsAndCapabilitiesArrive() throws {
    let setup = try launch(
      task { info in
        info.hostname = "mesa"
        info.rlimitInfo.rlimits = [
          .with {
            $0.type = .rlmtNofile
            $0.soft = 10
            $0.hard = 20
          }, .with { $0.type = .rlmtCore },
        ]
        info.linuxInfo.effectiveCapabilities.capabilities = [.netRaw]
        info.linuxInfo.boundingCapabilities.capabilities = [.netRaw, .kill]
        info.linuxInfo.seccomp.profileName = "strict.json"
        info.linuxInfo.shmSize = 16
      }
    ).setup
    #expect(setup.hostname == "mesa" && setup.seccompProfile == "strict.json" && setup.shmBytes == 16 << 20)
    #expect(setup.rlimits.map(\.name) == ["nofile", "core"])
    #expect(setup.rlimits.map(\.soft) == [10, .max] && setup.rlimits.map(\.hard) == [20, .max])
    #expect(setup.effectiveCapabilities == 0x2000 && setup.boundingCapabilities == 0x2020)
  }

  @Test func anImageIsADirectoryOfThisAgentAndTheSandboxIsSeenInIt() throws {
    let image = task { info in
      info.mesos.image.type = .docker
      info.mesos.image.docker.name = "library/alpine:3"
    }
    let launch = try launch(image, rootDirectory: "/srv/roots")
    #expect(launch.setup.root == "/srv/roots/library/alpine:3")
    // Protocol fact 107.
    #expect(launch.environment["MESOS_SANDBOX"] == "/mnt/mesos/sandbox")
    #expect(launch.environment["MESOS_DIRECTORY"] == launch.sandbox)
    #expect(try refusal(image).hasPrefix("image 'library/alpine:3' is not there: this agent fetches no images"))
  }

  @Test(arguments: ["..", "a/../../b", "", "/etc", "a//b"]) func imageThatLeadsElsewhereIsRefused(name: String) throws {
    let image = task { info in
      info.mesos.image.type = .appc
      info.mesos.image.appc.name = name
    }
    #expect(
      try refusal(image, rootDirectory: "/srv/roots").hasSuffix("is not a name of a directory below --rootfs_dir"))
  }

  @Test func whatThisAgentCannotDoIsRefusedWithTheField() throws {
    #expect(try refusal(task { $0.type = .docker }).contains("type DOCKER is not supported"))
    #expect(try refusal(task { $0.ttyInfo = .init() }).contains("tty_info is not supported"))
    #expect(
      try refusal(task { $0.networkInfos = [.with { $0.name = "blue" }] }).contains("network 'blue' is not there"))
    let half = MesosRLimitInfo.RLimit.with {
      $0.type = .rlmtCpu
      $0.soft = 1
    }
    #expect(try refusal(task { $0.rlimitInfo.rlimits = [half] }).contains("only one of soft and hard"))
    let more = task {
      $0.linuxInfo.effectiveCapabilities.capabilities = [.sysAdmin]
      $0.linuxInfo.boundingCapabilities.capabilities = [.kill]
    }
    #expect(try refusal(more).contains("effective_capabilities holds some"))
  }

  /// As in Mesos, whose agent looks at none of it.
  @Test func whatATaskSaysToAnExecutorOfItsFrameworksAsksNothingOfTheAgent() throws {
    let agent = try Simulation.subscribed()
    let told = task { info in
      info.type = .docker
      info.docker.image = "alpine"
      info.networkInfos = [.with { $0.name = "blue" }]
      info.volumes = [volume("../x", host: "../up")]
    }
    agent.runExecutor([told])
    #expect(agent.events().last { $0.type == .launch }?.launch.task.container == told.container)
    #expect(agent.launches.count == 1 && agent.launches[0].setup.root == nil && agent.launches[0].setup.volumes.isEmpty)
    #expect(agent.updates.isEmpty)
  }

  @Test func aTaskOfAPodSeesItsSandboxInTheRootOfItsOwnImage() throws {
    var configuration = Simulation.defaultConfiguration()
    configuration.rootDirectory = "/srv/roots"
    let agent = try Simulation.subscribed(configuration)
    var rooted = task { info in
      info.mesos.image.type = .docker
      info.mesos.image.docker.name = "tiny"
    }
    rooted.healthCheck.type = .command
    rooted.healthCheck.command.value = "true"
    rooted.healthCheck.delaySeconds = 0
    agent.runPod([rooted, AgentCoreTests.task("plain")])
    let launches = Dictionary(agent.launches.map { ($0.nesting?.taskID ?? "pod", $0) }) { $1 }
    let (own, plain) = (try #require(launches["t"]), try #require(launches["plain"]))
    #expect(own.setup.root == "/srv/roots/tiny" && own.environment["MESOS_SANDBOX"] == "/mnt/mesos/sandbox")
    #expect(own.environment["MESOS_DIRECTORY"] == own.sandbox)
    #expect(plain.setup.root == nil && plain.environment["MESOS_SANDBOX"] == plain.sandbox)
    agent.advance(seconds: 0)
    guard case .command(_, _, let environment) = agent.checkRuns.last?.action else {
      Issue.record("no command: \(agent.checkRuns)")
      return
    }
    #expect(environment["MESOS_SANDBOX"] == "/mnt/mesos/sandbox")
  }

  @Test func volumesThatCannotBeAreRefusedWithTheirPath() throws {
    #expect(try refusal(task { $0.volumes = [volume("data")] }).contains("the volume at 'data' is neither HOST_PATH"))
    #expect(try refusal(task { $0.volumes = [volume("../x", host: "/srv")] }).contains("without .."))
    #expect(try refusal(task { $0.volumes = [volume("", host: "/srv")] }).contains("it must name something"))
    #expect(try refusal(task { $0.volumes = [volume("/x", host: "../up")] }).contains("not one below the sandbox"))
    let parent = MesosVolume.with {
      $0.containerPath = "/x"
      $0.mode = .rw
      $0.source.type = .sandboxPath
      $0.source.sandboxPath.type = .parent
      $0.source.sandboxPath.path = "p"
    }
    #expect(try refusal(task { $0.volumes = [parent] }).contains("only a task of a pod has a parent"))
  }
}
