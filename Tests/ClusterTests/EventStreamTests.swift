import Foundation
import NIOCore
import NIOPosix
import Testing
import Transport
import Wire

extension ClusterTests {
  /// The event stream of the operator API over real sockets (protocol fact 120).
  @MainActor @Suite struct EventStreams {
    /// Keeps the events of a stream.
    @MainActor final class Watcher {
      private(set) var events: [MesosMasterEvent] = []
      private(set) var headers: [(name: String, value: String)] = []
      private(set) var ending: String?
      private let subscription: AsyncSubscription

      init(_ cluster: Cluster, _ format: WireFormat) {
        let call = MesosMasterCall.with { $0.type = .subscribe }
        subscription = cluster.http.subscribe(
          ClientRequest(
            .POST, cluster.master.endpoint, "/api/v1",
            headers: ["Content-Type": format.rawValue, "Accept": format.rawValue], body: format.encode(call)))
        Task { [weak self, subscription] in
          for await event in subscription { try self?.handle(event, format) }
        }
      }

      private func handle(_ event: Subscription.Event, _ format: WireFormat) throws {
        switch event {
        case .opened(let headers): self.headers = headers.map { ($0.name, $0.value) }
        case .record(let bytes): events.append(try format.decode(MesosMasterEvent.self, from: bytes))
        case .closed(let reason): ending = "\(reason)"
        }
      }

      func wait(_ what: String, _ condition: (Watcher) -> Bool) async throws {
        try await eventually("\(what); ending \(ending ?? "none"), events \(events.suffix(9).map(\.type))") {
          condition(self)
        }
      }

      func close() { subscription.close() }
    }

    @Test(arguments: WireFormat.allCases)
    func theLifeOfATaskIsTold(format: WireFormat) async throws {
      try await Cluster.run(agents: ["cpus:8;mem:8192;disk:10000"]) { cluster in
        let early = TestFramework(cluster, "early")
        try await early.subscribe()
        let watcher = Watcher(cluster, format)
        try await watcher.wait("a heartbeat") { $0.events.count >= 2 }
        #expect(watcher.headers.first { $0.name == "Content-Type" }?.value == format.rawValue)
        #expect(!watcher.headers.contains { $0.name == "Mesos-Stream-Id" })
        #expect(watcher.events.prefix(2).map(\.type) == [.subscribed, .heartbeat])
        let state = watcher.events[0].subscribed
        #expect(state.heartbeatIntervalSeconds == 15 && state.getState.getAgents.agents.count == 1)
        #expect(state.getState.getFrameworks.frameworks.map(\.frameworkInfo.name) == ["early"])
        try await early.send(.teardown)

        let framework = TestFramework(cluster, "late")
        try await framework.subscribe()
        try await framework.launch(["t"], on: try await framework.offer(), "true")
        try await framework.wait("the end") { $0.tasks(in: .taskFinished) == ["t"] }
        try await framework.send(.teardown)
        try await cluster.stopAgent("agent0", SIGUSR1)
        try await watcher.wait("the agent's end") { $0.events.last?.type == .agentRemoved }
        #expect(
          watcher.events.map(\.type).filter { $0 != .heartbeat } == [
            .subscribed, .frameworkRemoved, .frameworkAdded, .taskAdded, .taskUpdated, .taskUpdated, .taskUpdated,
            .frameworkRemoved, .agentRemoved,
          ])
        let updates = watcher.events.filter { $0.type == .taskUpdated }.map(\.taskUpdated)
        #expect(updates.map(\.status.state) == [.taskStarting, .taskRunning, .taskFinished])
        // Of a task this short the agent may know the end before it tells the beginning.
        #expect(updates.last?.state == .taskFinished)
        #expect(updates.allSatisfy { $0.frameworkID.value == framework.id && $0.status.taskID.value == "t" })
        #expect(watcher.ending == nil)
      }
    }

    @Test func theOldestStreamMakesRoomForANewOne() async throws {
      try await Cluster.run(agents: [], flags: ["--max_operator_event_stream_subscribers=2"]) { cluster in
        var watchers: [Watcher] = []
        for _ in 0..<3 {
          watchers.append(Watcher(cluster, .json))
          try await watchers[watchers.count - 1].wait("the state") { !$0.events.isEmpty }
        }
        try await watchers[0].wait("the end") { $0.ending != nil }
        #expect(watchers[0].ending == "the server ended the stream")
        #expect(watchers[1...].allSatisfy { $0.ending == nil })
      }
    }

    /// One that does not read is cut off; who reads is told everything all the while.
    @Test func aReaderThatIsTooSlowIsCutOff() async throws {
      try await Cluster.run(agents: []) { cluster in
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { Task { try? await group.shutdownGracefully() } }
        let lazy = try await ClientBootstrap(group: group).channelOption(.autoRead, value: false)
          .channelOption(.socketOption(.so_rcvbuf), value: 4096)
          .connect(host: "127.0.0.1", port: cluster.master.endpoint.port).get()
        let call = #"{"type": "SUBSCRIBE"}"#
        let lines = [
          "POST /api/v1 HTTP/1.1",
          "Host: x",
          "Content-Type: application/json",
          "Content-Length: \(call.utf8.count)",
          "",
          call,
        ]
        try await lazy.writeAndFlush(ByteBuffer(string: lines.joined(separator: "\r\n")))
        let watcher = Watcher(cluster, .protobuf)
        try await watcher.wait("the state") { !$0.events.isEmpty }
        let framework = TestFramework(cluster)
        try await framework.subscribe()

        let name = String(repeating: "x", count: 200_000)
        var sent = 0
        while !cluster.master.program.log.contains("closed the stream of a peer that did not read") {
          try #require(sent < 500, "100 MB wait for a reader")
          sent += 1
          framework.change { $0.name = "\(name)\(sent)" }
          let answer = try await framework.answer(to: .updateFramework) {
            $0.updateFramework.frameworkInfo = framework.info
          }
          try #require(answer.status == .ok, "\(String(buffer: answer.body))")
        }
        try await watcher.wait("all updates") { watcher in
          watcher.events.count { $0.type == .frameworkUpdated } == sent
        }
        #expect(watcher.ending == nil)
        try await lazy.close()
      }
    }
  }
}
