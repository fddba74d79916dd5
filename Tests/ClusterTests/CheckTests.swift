import Foundation
import NIOCore
import NIOPosix
import Synchronization
import Testing
import Transport
import Wire

extension ClusterTests {
  /// Health checks and checks of real tasks.
  @MainActor @Suite struct Checks {
    @Test(arguments: WireFormat.allCases)
    func aTaskWhoseServerTurnsBadIsUnhealthyAndKilled(format: WireFormat) async throws {
      try await Cluster.run { cluster in
        try await Server.run { server in
          let framework = TestFramework(cluster, format: format)
          try await framework.subscribe()
          let offer = try await framework.offer()
          var task = MesosTaskInfo.task("served", on: offer)
          task.healthCheck = healthCheck(.http) {
            $0.http.port = server.port
            $0.http.path = "/moved"
          }
          task.check.type = .tcp
          task.check.tcp.port = server.port
          task.check.delaySeconds = 0
          try await framework.launch([task], on: offer)
          try await framework.wait("health and a connection") {
            $0.last["served"]?.healthy == true && $0.last["served"]?.checkStatus.tcp.succeeded == true
          }
          #expect(framework.updates.prefix(2).allSatisfy { $0.checkStatus.hasTcp && !$0.checkStatus.tcp.hasSucceeded })
          server.status.withLock { $0 = 503 }
          try await framework.wait("the kill") { $0.tasks(in: .taskKilled) == ["served"] }
          let told = framework.updates.filter { $0.reason == .taskHealthCheckStatusUpdated }.map(\.healthy)
          #expect(told == [true, false, false, false])
          let last = try #require(framework.last["served"])
          #expect(last.hasHealthy && !last.healthy)
          #expect(last.message == "Command terminated with signal Terminated")
          try await framework.send(.teardown)
        }
      }
    }

    @Test func commandsOfChecksRunBesideTheirTasks() async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        let offer = try await framework.offer()
        var task = MesosTaskInfo.task("commanded", on: offer, "until [ -e end ]; do sleep 0.05; done; exit 3")
        task.healthCheck = healthCheck(.command) {
          $0.command.value = "test \"$MESOS_SANDBOX/$A\" = \"$PWD/a\""
          $0.command.environment.variables = [.with { ($0.name, $0.value) = ("A", "a") }]
        }
        task.check.type = .command
        task.check.command.command.value = "touch end; exit 7"
        task.check.delaySeconds = 0.5
        try await framework.launch([task], on: offer)
        try await framework.wait("the end") { $0.tasks(in: .taskFailed) == ["commanded"] }
        let told = framework.updates.filter { $0.hasHealthy || $0.checkStatus.command.hasExitCode }
        #expect(told.contains { $0.healthy } && told.allSatisfy { $0.healthy || !$0.hasHealthy })
        #expect(told.filter { $0.checkStatus.command.hasExitCode }.allSatisfy { $0.checkStatus.command.exitCode == 7 })
        #expect(framework.last["commanded"]?.message == "Command exited with status 3")
        try await framework.send(.teardown)
      }
    }

    @Test func aCommandThatHangsIsAFailureAndLeavesNoProcess() async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        let offer = try await framework.offer()
        let file = "\(cluster.directory)/pids"
        var task = MesosTaskInfo.task("hangs", on: offer)
        task.healthCheck = healthCheck(.command) {
          $0.command.value = "echo $$ >> \(file); setsid sh -c 'echo $$ >> \(file); exec sleep 600' & exec sleep 600"
          $0.timeoutSeconds = 1
          $0.consecutiveFailures = 2
        }
        try await framework.launch([task], on: offer)
        try await framework.wait("the kill") { $0.tasks(in: .taskKilled) == ["hangs"] }
        let pids = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
        #expect(pids.count == 4)
        try await eventually("all of them are gone") { pids.allSatisfy { access("/proc/\($0)", F_OK) != 0 } }
        try await framework.send(.teardown)
      }
    }

    @Test func tasksOfAGroupAreCheckedAsWell() async throws {
      try await Cluster.run { cluster in
        try await Server.run { server in
          let framework = TestFramework(cluster)
          try await framework.subscribe()
          let offer = try await framework.offer(cpus: 1)
          var tasks = ["command", "http", "tcp"].map { MesosTaskInfo.task($0, on: offer) }
          tasks[0].healthCheck = healthCheck(.command) { $0.command.value = "test \"$MESOS_SANDBOX\" = \"$PWD\"" }
          tasks[1].healthCheck = healthCheck(.http) {
            $0.http.port = server.port
            $0.http.path = "/health"
          }
          tasks[2].healthCheck = healthCheck(.tcp) { $0.tcp.port = server.port }
          try await framework.launchGroup(tasks, on: offer)
          try await framework.wait("three that are healthy") { $0.last.values.count { $0.healthy } == 3 }
          server.status.withLock { $0 = 404 }
          try await framework.wait("the group's end") { $0.tasks(in: .taskKilled) == ["command", "http", "tcp"] }
          #expect(framework.last.values.allSatisfy { $0.hasHealthy && !$0.healthy })
          try await framework.send(.teardown)
        }
      }
    }

    nonisolated private static let hasNetworks = Machine.allowsMounts && access("/usr/bin/perl", X_OK) == 0

    /// Brings up the loopback of its network, where struct ifreq has the name and then IFF_UP and IFF_RUNNING, and
    /// answers on port 8080 there.
    private static let serving = #"""
      exec perl -MSocket -e '
        socket(my $s, AF_INET, SOCK_STREAM, 0) or die "socket: $!";
        my $up = pack("a16sx22", "lo", 0x41);
        ioctl($s, 0x8914, $up) or die "lo: $!";
        bind($s, sockaddr_in(8080, INADDR_LOOPBACK)) && listen($s, 9) or die "8080: $!";
        while (accept(my $c, $s)) {
          sysread($c, my $request, 9999);
          syswrite($c, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
          close $c;
        }'
      """#

    @Test(.enabled(if: hasNetworks, "networks of their own need root, and a server in one perl"))
    func checksLookIntoTheNetworkOfTheirTask() async throws {
      let source = FileManager.default.temporaryDirectory.appending(path: "tepui-network-\(UUID().uuidString).c")
      defer { try? FileManager.default.removeItem(at: source) }
      try ClusterTests.AuthorIsolators.noNetwork.write(to: source, atomically: true, encoding: .utf8)
      var modules = Modules()
      modules.own = [(name: "no-network", module: "org.example.no-network", source: source.path)]
      modules.isolators.append("org.example.no-network")
      try await Cluster.run(modules: modules) { cluster in
        try await Server.run { outside in
          let framework = TestFramework(cluster)
          try await framework.subscribe()
          let offer = try await framework.offer()
          var task = MesosTaskInfo.task("apart", on: offer, Self.serving)
          task.healthCheck = healthCheck(.http) { $0.http.port = 8080 }
          task.healthCheck.gracePeriodSeconds = 60
          // It is there, but not for this task.
          task.check.type = .tcp
          task.check.tcp.port = outside.port
          task.check.delaySeconds = 0
          try await framework.launch([task], on: offer)
          try await framework.wait("health and no connection") {
            $0.last["apart"]?.healthy == true && $0.last["apart"]?.checkStatus.tcp.hasSucceeded == true
          }
          #expect(framework.updates.allSatisfy { !$0.checkStatus.tcp.succeeded })
          try await framework.send(.teardown)
        }
      }
    }

    nonisolated private static let isPrepared = ["openssl", "curl"].allSatisfy { access("/usr/bin/\($0)", X_OK) == 0 }

    /// `openssl s_server` as a server whose certificate nobody has signed.
    private func startServer(in cluster: Cluster) async throws -> (program: Program, port: UInt32) {
      let (key, certificate) = ("\(cluster.directory)/key.pem", "\(cluster.directory)/certificate.pem")
      let maker = try Program(
        "/usr/bin/openssl",
        ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=nobody", "-keyout", key, "-out", certificate],
        log: "\(cluster.directory)/openssl.log")
      try #require(try await maker.exitStatus() == 0, "\(maker.log)")
      let server = try Program(
        "/usr/bin/openssl",
        ["s_server", "-accept", "127.0.0.1:0", "-key", key, "-cert", certificate, "-www", "-naccept", "100000"],
        log: "\(cluster.directory)/server.log")
      var port: UInt32?
      try await eventually("the server says where it listens: \(server.log)") {
        port = server.log.firstMatch(of: /ACCEPT 127\.0\.0\.1:(\d+)/).flatMap { UInt32($0.output.1) }
        return port != nil
      }
      return (server, try #require(port))
    }

    @Test(.enabled(if: isPrepared, "needs openssl and curl"))
    func healthIsCheckedOverHTTPSWhateverTheCertificate() async throws {
      try await Cluster.run { cluster in
        let (server, port) = try await startServer(in: cluster)
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        let offer = try await framework.offer()
        var task = MesosTaskInfo.task("secured", on: offer)
        task.healthCheck = healthCheck(.http) {
          $0.http.scheme = "https"
          $0.http.port = port
          $0.http.path = "/"
        }
        try await framework.launch([task], on: offer)
        try await framework.wait("health") { $0.last["secured"]?.healthy == true }
        try await server.stop(SIGKILL)
        try await framework.wait("the kill") { $0.tasks(in: .taskKilled) == ["secured"] }
        try await framework.send(.teardown)
      }
    }

    @Test(.enabled(if: Machine.allowsMounts, "hiding curl needs root and a / that is a mount"))
    func withoutCurlATaskThatIsToBeCheckedOverHTTPSIsNotLaunched() async throws {
      try await Cluster.run(agents: []) { cluster in
        let hiding = """
          for curl in /usr/local/bin/curl /usr/bin/curl /bin/curl; do
            if [ -x $curl ]; then mount --bind /dev/null $curl || exit; fi
          done
          exec "$0" "$@"
          """
        try await cluster.startAgent(
          "agent0", "cpus:4;mem:4096", shell: "exec unshare --mount sh -c '\(hiding)' \"$0\" \"$@\"")
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        let offer = try await framework.offer()
        var task = MesosTaskInfo.task("secured", on: offer)
        task.healthCheck = healthCheck(.http) {
          $0.http.scheme = "https"
          $0.http.port = 1
        }
        try await framework.launch([task], on: offer)
        try await framework.wait("the failure") { $0.tasks(in: .taskFailed) == ["secured"] }
        let status = try #require(framework.last["secured"])
        #expect(framework.states(of: "secured") == [.taskFailed] && status.reason == .containerLaunchFailed)
        #expect(
          status.message == "Failed to launch container: curl, which checks over HTTPS need, is not installed on this "
            + "agent; its operator should install the package curl")
        try await framework.send(.teardown)
      }
    }

    /// Often, and without a grace period.
    private func healthCheck(
      _ type: MesosHealthCheck.TypeEnum, _ fill: (inout MesosHealthCheck) -> Void
    ) -> MesosHealthCheck {
      .with {
        $0.type = type
        $0.delaySeconds = 0
        $0.intervalSeconds = 0.1
        $0.gracePeriodSeconds = 0
        fill(&$0)
      }
    }
  }
}

/// In place of what a task would serve: all of them see the loopback of this machine.
private final class Server: Sendable {
  let status = Mutex(200)
  private let bound = Mutex(0)

  var port: UInt32 { UInt32(bound.withLock { $0 }) }

  @MainActor static func run(_ test: @MainActor (Server) async throws -> Void) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let server = Server()
    let port = try await loop.flatSubmit {
      let router = Router()
      router.get("/moved") { _, responder in responder.respond(.temporaryRedirect(to: "/health")) }
      router.get("/health") { _, responder in
        responder.respond(Response(.init(statusCode: server.status.withLock { $0 })))
      }
      return HTTPServer.bind(on: loop, ip: "127.0.0.1", port: 0, router: router).map(\.port)
    }.get()
    server.bound.withLock { $0 = port }
    do {
      try await test(server)
    } catch {
      try await group.shutdownGracefully()
      throw error
    }
    try await group.shutdownGracefully()
  }
}
