import Foundation
import Testing

extension ClusterTests {
  /// `tepui run` and the listings, as somebody at a terminal sees them.
  @MainActor @Suite struct RunCommand {
    static let small = ["--name", "test", "--cpus", "0.1", "--mem", "32", "--"]

    private func run(_ cluster: Cluster, _ command: String) async throws -> (output: String, status: Int32) {
      let program = try cluster.startTepui(["run"] + Self.small + ["sh", "-c", command])
      let status = try await program.exitStatus()
      return (program.log, status)
    }

    @Test func exitCodeAndOutputAreThoseOfTheCommand() async throws {
      try await Cluster.run { cluster in
        #expect(try await run(cluster, "echo hello") == ("hello\n", 0))
        #expect(try await run(cluster, "echo oh >&2; exit 3") == ("oh\n", 3))
        let killed = try await run(cluster, "kill -TERM $$")
        #expect(killed.status == 128 + SIGTERM)
        #expect(killed.output.contains("Command terminated with signal Terminated"))
      }
    }

    @Test func nothingOfALongOutputIsLost() async throws {
      try await Cluster.run { cluster in
        let (output, status) = try await run(cluster, "seq 100000")
        #expect(status == 0)
        #expect(output == (1...100_000).map { "\($0)\n" }.joined())
      }
    }

    @Test func outputThatIsNoTextComesByteByByte() async throws {
      try await Cluster.run { cluster in
        let copy = "\(cluster.directory)/copy"
        let command = "head -c 300000 /dev/urandom | tee \(copy)"
        let program = try cluster.startTepui(["run"] + Self.small + ["sh", "-c", command])
        #expect(try await program.exitStatus() == 0)
        let written = try Data(contentsOf: URL(filePath: copy))
        #expect(written.count == 300_000)
        #expect(program.output == written)
      }
    }

    @Test func commandThatCannotRunIsExplained() async throws {
      try await Cluster.run { cluster in
        let program = try cluster.startTepui(["run"] + Self.small + ["/no/such/program"])
        #expect(try await program.exitStatus() == 125)
        #expect(program.log.contains("/no/such/program"))
        #expect(program.log.contains("No such file or directory"))
      }
    }

    @Test func interruptKillsTheTask() async throws {
      try await Cluster.run { cluster in
        let program = try cluster.startTepui(["run"] + Self.small + ["sh", "-c", "echo started; sleep 1000"])
        try await eventually("the command runs") { program.log == "started\n" }
        program.signal(SIGINT)
        #expect(try await program.exitStatus() == 128 + SIGINT)
        try await eventually("no task is left") {
          let (output, _) = try await cluster.tepui("ps")
          return !output.contains("test")
        }
      }
    }

    @Test func waitingForTooMuchSaysWhatThereIs() async throws {
      try await Cluster.run { cluster in
        let program = try cluster.startTepui(["run", "--name", "x", "--cpus", "64", "--mem", "32", "--", "true"])
        try await eventually("it says why it waits") { program.log.contains("waiting for cpus 64, mem 32") }
        #expect(program.log.contains("the largest offer so far had cpus 4, mem 4096"))
        program.signal(SIGINT)
        #expect(try await program.exitStatus() == 128 + SIGINT)
      }
    }

    @Test func listingsShowTheCluster() async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster, "listed")
        try await framework.subscribe()
        try await framework.launch(["seen"], on: try await framework.offer(), cpus: 1.5, mem: 64, "sleep 1000")
        try await framework.wait("the task to run") { $0.tasks(in: .taskRunning) == ["seen"] }

        let id = framework.id
        let tasks = try await cluster.tepui("ps")
        #expect(tasks.output.contains(#/seen +seen +TASK_RUNNING +1\.5 +64 /#))
        #expect(tasks.output.contains(id))
        let agents = try await cluster.tepui("agents")
        #expect(agents.output.contains("\(cluster.agent)"))
        #expect(agents.output.contains(#/active +4 +1\.5 +4096 +64/#))
        let frameworks = try await cluster.tepui("frameworks")
        #expect(frameworks.output.contains("listed"))
        let modules = try await cluster.tepui("modules")
        #expect(modules.output.contains(#/master .* org\.tepui\.drf +allocator +loaded/#))
        #expect(modules.output.contains(#/agent .* org\.tepui\.posix +isolator +loaded/#))
        for command in ["ps", "agents", "frameworks", "modules"] {
          let (json, status) = try await cluster.tepui(command, "--json")
          #expect(status == 0 && json.hasPrefix("{"), "\(command)")
        }
        try await framework.send(.teardown)
      }
    }

    @Test func masterThatIsNotThereIsNamed() async throws {
      try await Cluster.run(agents: []) { cluster in
        try await cluster.stopMaster()
        let (output, status) = try await cluster.tepui("agents")
        #expect(status != 0)
        #expect(output.contains("http://\(cluster.master.endpoint)/slaves: cannot connect: Connection refused"))
      }
    }
  }
}
