import NIOCore
import Testing
import Transport
import Wire

extension ClusterTests {
  /// Policies and containment are modules: another one decides after an edit of modules.json, and a bad one harms nobody.
  @MainActor @Suite struct ModulesAtWork {
    /// How many agents' offers two frameworks in roles a and b hold, once everything is offered.
    private func shares(_ cluster: Cluster) async throws -> [Int] {
      let frameworks = [TestFramework(cluster, "a", role: "a"), TestFramework(cluster, "b", role: "b")]
      // Both are there before the first agent, so that the policy has the choice.
      for framework in frameworks { try await framework.subscribe() }
      for index in 0..<4 { try await cluster.startAgent("agent\(index)", "cpus:1;mem:1024") }
      var counts = [0, 0]
      try await eventually("all four agents are offered; so far \(counts)") {
        counts = [frameworks[0].offers.count, frameworks[1].offers.count]
        return counts[0] + counts[1] == 4
      }
      return counts
    }

    @Test func editOfTheConfigurationAndARestartSwitchThePolicy() async throws {
      var modules = Modules()
      try await Cluster.run(agents: [], modules: modules) { cluster in
        let fair = try await shares(cluster)
        #expect(fair == [2, 2])
        for index in 0..<4 { try await cluster.stopAgent("agent\(index)") }
        try await cluster.stopMaster()

        modules.allocator = "org.tepui.strict-priority"
        modules.parameters = ["org.tepui.strict-priority": ["priorities": "a=1,b=2"]]
        try modules.write(in: cluster.modulesDirectory)
        try await cluster.startMaster()
        let strict = try await shares(cluster)
        #expect(strict == [0, 4])
      }
    }

    @Test func theToolShowsWhatThePolicySaysOfAFramework() async throws {
      var modules = Modules()
      modules.allocator = "org.tepui.strict-priority"
      modules.parameters = ["org.tepui.strict-priority": ["priorities": "a=1,b=2"]]
      try await Cluster.run(agents: [], modules: modules) { cluster in
        let frameworks = [TestFramework(cluster, "a", role: "a"), TestFramework(cluster, "b", role: "b")]
        for framework in frameworks { try await framework.subscribe() }
        let (output, status) = try await cluster.tepui("explain", "--framework", frameworks[0].id)
        #expect(status == 0)
        #expect(output.contains("  org.tepui.strict-priority: claimants with a higher priority than its 1 (1)\n"))
      }
    }

    @Test func wrongGrantsAreRefusedCountedAndLogged() async throws {
      var modules = Modules()
      modules.own = [
        (
          name: "wild", module: "org.example.fixture",
          source: "\(Repository.root)/Tests/ModuleHostTests/Fixtures/allocator.c"
        )
      ]
      modules.parameters = ["org.example.fixture": ["behaviour": "wild ids"]]
      modules.allocator = "org.example.fixture"
      try await Cluster.run(modules: modules) { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        try await eventually("refusals are counted") {
          let status = try await cluster.get(cluster.master.endpoint, "/modules")
          return String(buffer: status.body).contains(/"refusals" ?: ?[1-9]/)
        }
        #expect(framework.offers.isEmpty)
        #expect(cluster.master.program.log.contains("org.example.fixture"))
        let health = try await cluster.get(cluster.master.endpoint, "/health")
        #expect(health.status == .ok)
        #expect(cluster.master.program.isRunning)
      }
    }

    @Test(arguments: ["fail", "other cgroup", "not text", "null text", "odd namespaces"])
    func wrongPlanOfAContainerFailsItsTaskWithTheModulesName(behaviour: String) async throws {
      var modules = Modules()
      modules.own = [
        (
          name: "odd", module: "org.example.isolator",
          source: "\(Repository.root)/Tests/ModuleHostTests/Fixtures/isolator.c"
        )
      ]
      modules.parameters = ["org.example.isolator": ["behaviour": behaviour]]
      modules.isolators = ["org.example.isolator"]
      try await Cluster.run(modules: modules) { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        try await framework.launch(["task"], on: try await framework.offer(), "exit 0")
        try await framework.wait("the failure") { $0.tasks(in: .taskFailed) == ["task"] }
        let status = try #require(framework.last["task"])
        #expect(status.reason == .containerLaunchFailed)
        #expect(status.message.contains("org.example.isolator"), "\(status.message)")
        let health = try await cluster.get(cluster.agent, "/health")
        #expect(health.status == .ok)
        try await framework.send(.teardown)
      }
    }

    @Test func masterWithoutAPolicyDoesNotStart() async throws {
      var modules = Modules()
      modules.allocator = "org.example.nobody"
      let error = await #expect(throws: Overdue.self) {
        try await Cluster.run(agents: [], modules: modules) { _ in }
      }
      #expect(error?.description.contains("org.example.nobody") == true)
    }
  }
}
