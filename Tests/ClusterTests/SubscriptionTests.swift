import Testing
import Transport
import Wire

extension ClusterTests {
  /// How a framework's stream begins, is refused, goes over to a successor and ends.
  @MainActor @Suite struct Subscriptions {
    /// A change of a good framework and what Apache Mesos says to it.
    static let refusals: [(error: String, change: @Sendable (inout MesosFrameworkInfo) -> Void)] = [
      ("'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable", { $0.role = "x" }),
      ("'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable", { $0.capabilities = [] }),
      (
        "'FrameworkInfo.roles' contains invalid role: Role component '-x' is invalid because it starts with a dash",
        { $0.roles = ["-x"] }
      ),
      ("'FrameworkInfo.roles' contains invalid role: Role '.' cannot include '.' as a component", { $0.roles = ["."] }),
      (
        "'FrameworkInfo.roles' contains invalid role: Role '..' cannot include '..' as a component",
        { $0.roles = [".."] }
      ),
      ("'FrameworkInfo.roles' contains invalid role: Role '/x' cannot start with a slash", { $0.roles = ["/x"] }),
      ("'FrameworkInfo.roles' contains invalid role: Role 'x/' cannot end with a slash", { $0.roles = ["x/"] }),
      (
        "'FrameworkInfo.roles' contains invalid role: Role 'a//b' cannot contain two adjacent slashes",
        { $0.roles = ["a//b"] }
      ),
      (
        "'FrameworkInfo.roles' contains invalid role: Role component 'a b' is invalid because it contains backspace or "
          + "whitespace", { $0.roles = ["a b"] }
      ),
      (
        "'FrameworkInfo.roles' contains invalid role: Role 'a/*' cannot include '*' as a component",
        { $0.roles = ["a/*"] }
      ),
      ("'FrameworkInfo.roles' contains invalid role: Role names cannot be the empty string", { $0.roles = [""] }),
      ("'FrameworkInfo.roles' contains duplicate items: { a }", { $0.roles = ["a", "a"] }),
      ("'a/b' contains invalid characters", { $0.id.value = "a/b" }),
    ]

    @Test func frameworkThatMayNotBeGetsOneErrorAndTheEnd() async throws {
      try await Cluster.run(agents: []) { cluster in
        for refusal in Self.refusals {
          let framework = TestFramework(cluster)
          framework.change(refusal.change)
          let error = try await framework.subscribeInVain()
          #expect(error == refusal.error)
          #expect(framework.errors.count == 1)
          #expect(framework.ending == "the server ended the stream")
        }
      }
    }

    @Test(arguments: WireFormat.allCases)
    func streamBeginsWithAnIdAndAHeartbeat(format: WireFormat) async throws {
      try await Cluster.run(agents: []) { cluster in
        let framework = TestFramework(cluster, format: format)
        try await framework.subscribe()
        try await framework.wait("a heartbeat") { $0.heartbeats == 1 }
        #expect(framework.id.hasSuffix("-0000"))
        let streamID = try #require(framework.streamID)
        #expect((1...128).contains(streamID.utf8.count))
      }
    }

    @Test func callsNeedTheStreamsOwnId() async throws {
      try await Cluster.run(agents: []) { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        let id = framework.id
        let body = #"{"type": "REVIVE", "framework_id": {"value": "\#(id)"}}"#
        for (headers, text) in [
          ([], "All non-subscribe calls should include the 'Mesos-Stream-Id' header"),
          (
            [("Mesos-Stream-Id", "deadbeef")],
            "The stream ID 'deadbeef' included in this request didn't match the stream ID currently associated with "
              + "framework ID \(id)"
          ),
        ] {
          let request = ClientRequest(
            .POST, cluster.master.endpoint, "/api/v1/scheduler",
            headers: .init([("Content-Type", "application/json")] + headers), body: body.utf8)
          let response = try await cluster.http.send(request)
          #expect(response.status == .badRequest)
          #expect(String(buffer: response.body) == text)
        }
      }
    }

    @Test func acknowledgementNeedsAUUID() async throws {
      try await Cluster.run(agents: []) { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        let response = try await framework.answer(to: .acknowledge) {
          $0.acknowledge.agentID.value = "a"
          $0.acknowledge.taskID.value = "t"
          $0.acknowledge.uuid = .init([0, 0, 0])
        }
        #expect(response.status == .badRequest)
        #expect(String(buffer: response.body) == "Failed to validate scheduler::Call: Not a valid UUID")
      }
    }

    @Test func successorTakesTheFrameworkOver() async throws {
      try await Cluster.run { cluster in
        let first = TestFramework(cluster)
        try await first.subscribe()
        let offer = try await first.offer()
        try await first.launch(["task"], on: offer, "sleep 1000")
        try await first.wait("the task to run") { $0.tasks(in: .taskRunning) == ["task"] }

        try await first.settle()
        let second = TestFramework(cluster)
        let id = first.info.id
        second.change { $0.id = id }
        try await second.subscribe()
        try await first.wait("its end") { $0.ending != nil }
        #expect(first.errors == ["Framework failed over"])

        let stale = try await first.answer(to: .revive)
        #expect(stale.status == .badRequest)
        let stream = try #require(first.streamID)
        #expect(
          String(buffer: stale.body) == "The stream ID '\(stream)' included in this request didn't match the stream ID "
            + "currently associated with framework ID \(id.value)")

        try await second.send(.reconcile) { $0.reconcile = .init() }
        try await second.wait("the task's state") { $0.tasks(in: .taskRunning) == ["task"] }
        try await second.kill("task")
        try await second.wait("the kill") { $0.tasks(in: .taskKilled) == ["task"] }
      }
    }

    @Test func frameworkThatComesBackFindsItsTasks() async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        try await framework.launch(["task"], on: try await framework.offer(), "sleep 1000")
        try await framework.wait("the task to run") { $0.tasks(in: .taskRunning) == ["task"] }
        let id = framework.id

        try await framework.disconnect()
        try await eventually("the master sees the disconnect") {
          try await framework.answer(to: .revive).status == .forbidden
        }
        let refusal = try await framework.answer(to: .revive)
        #expect(String(buffer: refusal.body) == "Framework is not subscribed")

        framework.forgetUpdates()
        try await framework.subscribe()
        #expect(framework.id == id)
        try await framework.send(.reconcile) { $0.reconcile = .init() }
        try await framework.wait("the task's state") { $0.tasks(in: .taskRunning) == ["task"] }
        try await framework.send(.teardown)
      }
    }

    @Test func frameworkThatWasTornDownIsGoneForEver() async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        try await framework.launch(["task"], on: try await framework.offer(), "sleep 1000")
        try await framework.wait("the task to run") { $0.tasks(in: .taskRunning) == ["task"] }
        try await framework.send(.teardown)
        try await framework.wait("its end") { $0.ending == "the server ended the stream" }
        let refusal = try await framework.answer(to: .revive)
        #expect(String(buffer: refusal.body) == "Framework cannot be found")
        #expect(try await framework.subscribeInVain() == "Framework has been removed")

        let next = TestFramework(cluster, "next")
        try await next.subscribe()
        _ = try await next.offer(cpus: 4)
      }
    }
  }
}
