import Foundation
import Glibc
import Testing
import Wire

extension ClusterTests {
  /// What a ContainerInfo asks for, from the framework to the command, by the isolators that come along.
  @MainActor @Suite(.enabled(if: Machine.allowsMounts, "mounts need root and a / that is a mount")) struct Isolation {
    private static let all = ["posix", "namespaces", "privileges", "seccomp"].map { "org.tepui.\($0)" }

    /// A cluster whose agent's work directory does not lie in /tmp, which containers do not share, and a directory of
    /// the test's own.
    private func run(
      _ isolators: [String] = all, own: [(name: String, module: String, source: String)] = [],
      _ test: @MainActor (Cluster, TestFramework, String) async throws -> Void
    ) async throws {
      let directory = "/var/tmp/tepui-isolation-\(UUID().uuidString)"
      try FileManager.default.createDirectory(atPath: "\(directory)/roots", withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: directory) }
      var modules = Modules()
      modules.isolators = isolators
      modules.own = own
      try await Cluster.run(agents: [], modules: modules) { cluster in
        try await cluster.startAgent(
          "agent0", "cpus:4;mem:4096", flags: ["--work_dir=\(directory)/agent", "--rootfs_dir=\(directory)/roots"])
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        try await test(cluster, framework, directory)
        try await framework.send(.teardown)
      }
    }

    /// The last status of a task; `container` is a ContainerInfo in JSON without its type.
    private func status(
      _ framework: TestFramework, _ name: String, _ command: String, _ container: String,
      _ change: (inout MesosTaskInfo) -> Void = { _ in }
    ) async throws -> MesosTaskStatus {
      let offer = try await framework.offer()
      let json = [UInt8](#"{"type": "MESOS", \#(container)}"#.utf8)
      var task = MesosTaskInfo.task(name, on: offer, command)
      task.container = try WireFormat.json.decode(MesosContainerInfo.self, from: json)
      change(&task)
      try await framework.launch([task], on: offer)
      try await framework.wait("the end of \(name)") { framework in
        let state = framework.last[name]?.state
        return [.taskFinished, .taskFailed, .taskError].contains(state)
      }
      return try #require(framework.last[name])
    }

    /// For scripts: what a task must not be able to do. A `!` would not do, which `set -e` lets pass.
    private static let refused =
      #"refused() { if sh -c "$1" 2>/dev/null; then echo "was not refused: $1" >&2; exit 9; fi; }"#

    private func shell(_ script: String, _ arguments: String...) throws {
      let shell = Process()
      shell.executableURL = URL(filePath: "/bin/sh")
      shell.arguments = ["-ec", script] + arguments
      try shell.run()
      shell.waitUntilExit()
      try #require(shell.terminationStatus == 0, "\(script)")
    }

    @Test func volumesAndTmpAreTheTasksOwn() async throws {
      try await run { _, framework, directory in
        try shell(#"mkdir "$0/data" && echo shared > "$0/data/file""#, directory)
        let status = try await status(
          framework, "t",
          """
          set -e; \(Self.refused)
          test "$(cat rw/file)" = shared; echo written > rw/new; echo x > /mnt/part; test -s sub/deep/part
          refused 'echo x > ro/x'; refused 'echo x > fixed/x'; test -s ro/new
          test -z "$(ls -A /tmp)"; touch /tmp/tepui-isolation-test
          """,
          """
          "volumes": [
            {"mode": "RW", "container_path": "rw", "host_path": "\(directory)/data"},
            {"mode": "RO", "container_path": "ro",
             "source": {"type": "HOST_PATH", "host_path": {"path": "\(directory)/data"}}},
            {"mode": "RW", "container_path": "/mnt",
             "source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "SELF", "path": "sub/deep"}}},
            {"mode": "RO", "container_path": "fixed",
             "source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "SELF", "path": "sub"}}}]
          """)
        #expect(status.state == .taskFinished, "\(status.message)")
        #expect(try String(contentsOfFile: "\(directory)/data/new", encoding: .utf8) == "written\n")
        #expect(!FileManager.default.fileExists(atPath: "/tmp/tepui-isolation-test"))
      }
    }

    private func makeImage(_ path: String) throws {
      try shell(
        """
        mkdir -p "$0/bin"
        for file in /bin/sh /bin/ls $(ldd /bin/sh /bin/ls | grep -o '/[^ ]*' | grep -v ':$'); do
          mkdir -p "$0${file%/*}"; cp -L "$file" "$0$file"
        done
        """, path)
    }

    @Test func tasksOfAPodShareADirectoryThoughEachHasARootOfItsOwn() async throws {
      try await run { _, framework, directory in
        try makeImage("\(directory)/roots/tiny")
        let offer = try await framework.offer(cpus: 1)
        func task(_ name: String, _ mode: String, _ command: String) throws -> MesosTaskInfo {
          let json = """
            {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": "tiny"}}}, "volumes": [
              {"mode": "\(mode)", "container_path": "in",
               "source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "PARENT", "path": "shared"}}}]}
            """
          var task = MesosTaskInfo.task(name, on: offer, command)
          task.container = try WireFormat.json.decode(MesosContainerInfo.self, from: [UInt8](json.utf8))
          return task
        }
        try await framework.launchGroup(
          [
            try task("writer", "RW", "echo hello > in/note"),
            try task("reader", "RO", "until [ -s in/note ]; do :; done; ! ls > in/other"),
          ], on: offer)
        try await framework.wait("both to finish") { $0.tasks(in: .taskFinished) == ["writer", "reader"] }
      }
    }

    @Test func imageIsADirectoryOfTheAgent() async throws {
      try await run { _, framework, directory in
        try makeImage("\(directory)/roots/org/tiny")
        let status = try await status(
          framework, "t",
          """
          set -e; \(Self.refused)
          test "$PWD" = /mnt/mesos/sandbox; test "$MESOS_SANDBOX" = "$PWD"; echo x > here; echo x > /tmp/t
          test ! -e /root; test -e /proc/self/status; echo x > /dev/null; refused 'ls > /bin/new'; test -d data
          """,
          """
          "mesos": {"image": {"type": "DOCKER", "docker": {"name": "org/tiny"}}},
          "volumes": [{"mode": "RO", "container_path": "data", "host_path": "/usr"}]
          """)
        #expect(status.state == .taskFinished, "\(status.message)")
        #expect(!FileManager.default.fileExists(atPath: "\(directory)/roots/org/tiny/bin/new"))
      }
    }

    @Test func privilegesAreThoseThatTheTaskAsksFor() async throws {
      try await run { _, framework, _ in
        let asked = try await status(
          framework, "asked",
          """
          set -e; \(Self.refused)
          grep -q 'CapEff:.*0000000000002020$' /proc/self/status; grep -q 'NoNewPrivs:.*1' /proc/self/status
          grep -q 'CapBnd:.*0000000000002020$' /proc/self/status; grep -q 'Seccomp:.*2' /proc/self/status
          refused 'unshare --user true'; test "$(cat /proc/sys/kernel/hostname)" = mesa
          test "$(ulimit -n)" = 77; df -k /dev/shm | grep -q ' 2048 '; test $$ -lt 10
          """,
          """
          "hostname": "mesa", "rlimit_info": {"rlimits": [{"type": "RLMT_NOFILE", "soft": 77, "hard": 77}]},
          "linux_info": {"effective_capabilities": {"capabilities": ["NET_RAW", "KILL"]},
                         "bounding_capabilities": {"capabilities": ["NET_RAW", "KILL"]}, "shm_size": 2}
          """)
        #expect(asked.state == .taskFinished, "\(asked.message)")
      }
    }

    @Test func whatNoIsolatorGivesFailsTheTask() async throws {
      try await run(["org.tepui.posix"]) { _, framework, _ in
        for (index, (container, module)) in [
          (#""linux_info": {"effective_capabilities": {"capabilities": ["NET_RAW"]}}"#, "privileges"),
          (#""linux_info": {"seccomp": {"profile_name": "p"}}"#, "seccomp"),
          (#""hostname": "mesa""#, "namespaces"),
          (#""volumes": [{"mode": "RO", "container_path": "usr", "host_path": "/usr"}]"#, "namespaces"),
        ].enumerated() {
          let status = try await status(framework, "t\(index)", "exit 0", container)
          #expect(status.state == .taskFailed && status.reason == .containerLaunchFailed)
          #expect(status.message.contains("isolator '\(module)'"), "\(status.message)")
        }
      }
    }

    @Test func whatCannotBeIsRefusedWithStepAndPath() async throws {
      func volume(_ path: String, _ source: String) -> String {
        #""volumes": [{"mode": "RW", "container_path": "\#(path)", \#(source)}]"#
      }
      func image(_ name: String) -> String {
        #""mesos": {"image": {"type": "DOCKER", "docker": {"name": "\#(name)"}}}"#
      }
      func own(_ path: String) -> String {
        #""source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "SELF", "path": "\#(path)"}}"#
      }
      let cases: [(String, MesosTaskState, String)] = [
        (
          volume("data", #""host_path": "/no/such""#), .taskFailed,
          "the volume at data: cannot find the host's path /no/such: No such file or directory"
        ),
        (volume("../x", #""host_path": "/usr""#), .taskError, "the volume at '../x' has no container_path that can be"),
        (
          volume("/no/such/place", #""host_path": "/usr""#), .taskFailed, "cannot mount /usr at /no/such/place: No such"
        ),
        (volume("x", own("../../y")), .taskError, "the volume at 'x' has the path '../../y', which is not one below"),
        (
          volume("file/x", #""host_path": "/usr""#), .taskFailed,
          "cannot mount /usr at file/x in the sandbox: Not a directory"
        ),
        (image("nosuch"), .taskFailed, "the root file system"),
        (image("../agent"), .taskError, "image '../agent' is not a name of a directory below --rootfs_dir"),
        (#""tty_info": {}"#, .taskError, "ContainerInfo.tty_info is not supported"),
        (
          #""linux_info": {"share_pid_namespace": true}"#, .taskFailed,
          "the task asks for the host's pid namespace, which allow_sharing=false keeps from it"
        ),
        (
          #""linux_info": {"seccomp": {"unconfined": true}}"#, .taskFailed, "allow_unconfined"
        ),
      ]
      try await run { cluster, framework, directory in
        try shell(#"echo x > "$0/file""#, directory)
        for (index, (container, state, message)) in cases.enumerated() {
          let status = try await status(framework, "t\(index)", "exit 0", container) { task in
            task.command.uris = [.with { $0.value = "\(directory)/file" }]
          }
          #expect(status.state == state && status.message.contains(message), "\(container): \(status)")
        }
        #expect(cluster.isRunning("agent0"))
      }
    }

    /// A link that an archive brought along, wherever it leads.
    @Test(arguments: ["/var/tmp", "sub"])
    func linkInTheSandboxLeadsNoVolumeElsewhere(target: String) async throws {
      try await run { _, framework, directory in
        try shell(
          #"cd "$0"; mkdir in; ln -s "$1" in/trap; mkdir in/sub; tar cf trap.tar -C in trap sub"#, directory, target)
        for (name, volume, mount) in [
          (
            "over", #""container_path": "trap/tepui-trapped", "host_path": "/usr""#,
            "cannot mount /usr at trap/tepui-trapped in the sandbox: Not a directory"
          ),
          (
            "from",
            #""container_path": "x", "source": {"type": "SANDBOX_PATH", "#
              + #""sandbox_path": {"type": "SELF", "path": "trap/tepui-trapped"}}"#,
            "cannot mount trap/tepui-trapped at x in the sandbox: Not a directory"
          ),
        ] {
          let status = try await status(framework, name, "exit 0", #""volumes": [{"mode": "RW", \#(volume)}]"#) {
            $0.command.uris = [.with { $0.value = "\(directory)/trap.tar" }]
          }
          #expect(status.state == .taskFailed && status.reason == .containerLaunchFailed, "\(status)")
          #expect(status.message == "Failed to launch container: \(mount)")
          #expect(!FileManager.default.fileExists(atPath: "/var/tmp/tepui-trapped"))
        }
      }
    }
  }
}
