import Foundation
import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Testing
import Transport
import Wire

/// Files by name, counting the requests.
private final class WebServer: Sendable {
  let address: String
  private static let counts = Mutex<[String: Int]>([:])

  /// A request for `/never` is not answered.
  init(_ files: [String: [UInt8]]) async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let server = try await loop.flatSubmit {
      let router = Router()
      router.get("/never") { _, _ in Self.counts.withLock { $0["never", default: 0] += 1 } }
      for (name, bytes) in files {
        router.get("/\(name)") { _, responder in
          Self.counts.withLock { $0[name, default: 0] += 1 }
          responder.respond(Response(contentType: "application/octet-stream", body: bytes))
        }
      }
      return HTTPServer.bind(on: loop, ip: "127.0.0.1", port: 0, router: router)
    }.get()
    address = "http://127.0.0.1:\(server.port)"
  }

  func requests(_ name: String) -> Int { Self.counts.withLock { $0[name, default: 0] } }
}

private let hasTools = ["curl", "tar"].allSatisfy { access("/usr/bin/\($0)", X_OK) == 0 }

extension ClusterTests {
  @MainActor @Suite(.enabled(if: hasTools, "needs curl and tar")) struct Fetching {
    private func task(
      _ name: String, on offer: MesosOffer, _ command: String, _ uris: [MesosCommandInfo.URI],
      _ change: (inout MesosTaskInfo) -> Void = { _ in }
    ) -> MesosTaskInfo {
      .task(name, on: offer, command, cpus: 0.01, mem: 1) {
        $0.command.uris = uris
        change(&$0)
      }
    }

    private func uri(_ value: String, cache: Bool = false) -> MesosCommandInfo.URI {
      .with {
        $0.value = value
        if cache { $0.cache = true }
      }
    }

    private func archive() throws -> [UInt8] {
      let directory = FileManager.default.temporaryDirectory.appending(path: "tepui-archive-\(UUID().uuidString)").path
      defer { try? FileManager.default.removeItem(atPath: directory) }
      let maker = Process()
      maker.executableURL = URL(filePath: "/bin/sh")
      maker.arguments = [
        "-ec", "mkdir -p $0/in/bin; cd $0/in; echo 'echo hello from the archive' > bin/hello; tar czf ../a .",
        directory,
      ]
      try maker.run()
      maker.waitUntilExit()
      return try [UInt8](Data(contentsOf: URL(filePath: "\(directory)/a")))
    }

    private func metrics(_ cluster: Cluster) async throws -> [String: Double] {
      let response = try await cluster.get(cluster.agent, "/metrics/snapshot")
      return try JSONDecoder().decode([String: Double].self, from: Data(response.bodyBytes))
    }

    @Test func tasksFindTheirArchivesUnpackedAndCachedOnesAreFetchedOnce() async throws {
      let web = try await WebServer(["program.tar.gz": try archive(), "data": Array("data".utf8)])
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        let names = (0..<5).map { "t\($0)" }
        let offer = try await framework.offer()
        try await framework.launch(
          names.map { name in
            task(
              name, on: offer, "sh bin/hello && cat data",
              [uri("\(web.address)/program.tar.gz", cache: true), uri("\(web.address)/data")])
          }, on: offer)
        try await framework.wait("five to finish") { $0.tasks(in: .taskFinished) == Set(names) }
        #expect(web.requests("program.tar.gz") == 1 && web.requests("data") == 5)
        let path = "/frameworks/\(framework.id)/executors/t0/runs/latest"
        let output = try await cluster.get(cluster.agent, "/files/download?path=\(path)/stdout")
        #expect(String(buffer: output.body) == "hello from the archive\ndata")
        let log = try await cluster.get(cluster.agent, "/files/download?path=\(path)/stderr")
        #expect(String(buffer: log.body).contains("Successfully fetched all URIs into"))
        let metrics = try await metrics(cluster)
        #expect(metrics["containerizer/fetcher/task_fetches_succeeded"] == 5)
        #expect(metrics["containerizer/fetcher/task_fetches_failed"] == 0)
        #expect(metrics["containerizer/fetcher/cache_size_total_bytes"] == Double(2 << 30))
        #expect((metrics["containerizer/fetcher/cache_size_used_bytes"] ?? 0) > 0)
        try await framework.send(.teardown)
      }
    }

    @Test func aFailedFetchNamesTheURIAndTheCause() async throws {
      let web = try await WebServer([:])
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        let offer = try await framework.offer()
        let huge = String(repeating: "x", count: 3 << 20)
        try await framework.launch(
          [
            task("none", on: offer, "true", [uri("\(web.address)/none")]),
            task("huge", on: offer, "true", []) {
              $0.command.environment.variables = [
                .with {
                  $0.name = "HUGE"
                  $0.value = huge
                }
              ]
            },
          ], on: offer)
        try await framework.wait("two failures") { $0.tasks(in: .taskFailed) == ["none", "huge"] }
        let status = try #require(framework.last["none"])
        #expect(status.reason == .containerLaunchFailed && status.source == .agent)
        #expect(status.message.hasPrefix("Failed to launch container: Failed to fetch all URIs for container '"))
        #expect(status.message.hasSuffix("Failed to fetch '\(web.address)/none': the server answered with status 404"))
        #expect(framework.last["huge"]?.reason == .containerLaunchFailed)
        #expect(framework.states(of: "none") == [.taskFailed])
        try await framework.send(.teardown)
      }
    }

    @Test func aTaskThatIsFetchingIsKilledAtOnce() async throws {
      let web = try await WebServer([:])
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        let offer = try await framework.offer()
        try await framework.launch([task("slow", on: offer, "true", [uri("\(web.address)/never")])], on: offer)
        try await eventually("the request") { web.requests("never") > 0 }
        try await framework.kill("slow")
        // Of the grace and the stall timeout nothing is waited for: the bound is far below the latter.
        try await framework.wait("the kill", within: .seconds(30)) { $0.tasks(in: .taskKilled) == ["slow"] }
        #expect(framework.last["slow"]?.reason == .taskKilledDuringLaunch)
        #expect(framework.states(of: "slow") == [.taskKilled])
        try await framework.send(.teardown)
      }
    }

    @Test func sandboxesOfEndedTasksAreDeletedAndThoseOfLiveOnesStay() async throws {
      try await Cluster.run(agents: []) { cluster in
        try await cluster.startAgent(
          "agent0", "cpus:4;mem:4096;disk:10000", flags: ["--gc_delay=1ms", "--disk_watch_interval=1secs"])
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        try await framework.launch(["lasts"], on: try await framework.offer(), "sleep 1000")
        try await framework.launch(["ends"], on: try await framework.offer(), "echo x > file")
        try await framework.wait("both") {
          $0.tasks(in: .taskRunning) == ["lasts"] && $0.tasks(in: .taskFinished) == ["ends"]
        }
        let executors = "/frameworks/\(framework.id)/executors"
        try await eventually("the removal") {
          try await cluster.get(cluster.agent, "/files/browse?path=\(executors)/ends/runs/latest").status == .notFound
        }
        #expect(
          try await cluster.get(cluster.agent, "/files/browse?path=\(executors)/lasts/runs/latest").status == .ok)
        #expect(try await metrics(cluster)["gc/path_removals_succeeded"] == 1)
        try await framework.send(.teardown)
      }
    }
  }
}
