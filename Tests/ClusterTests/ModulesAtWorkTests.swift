import Foundation
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

    /// A policy that breaks its rules.
    private func misbehaving(_ behaviour: String) -> Modules {
      var modules = Modules()
      modules.own = [
        (
          name: "wild", module: "org.example.fixture",
          source: "\(Repository.root)/Tests/ModuleHostTests/Fixtures/allocator.c"
        )
      ]
      modules.parameters = ["org.example.fixture": ["behaviour": behaviour]]
      modules.allocator = "org.example.fixture"
      return modules
    }

    @Test func wrongGrantsAreRefusedCountedAndLogged() async throws {
      try await Cluster.run(modules: misbehaving("wild ids")) { cluster in
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

    @Test func aPolicyCannotGiveMoreThanThereIs() async throws {
      try await Cluster.run(modules: misbehaving("too much")) { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        let offer = try await framework.offer(cpus: 4)
        #expect(offer.scalar("cpus") == 4 && offer.scalar("mem") == 4096)
        for text in ["negative amount of cpus", "more cpus than is free (asked cpus 4.001; free cpus 4,"] {
          #expect(cluster.master.program.log.contains(text), "\(cluster.master.program.log)")
        }
        let slaves = String(buffer: try await cluster.get(cluster.master.endpoint, "/slaves").body)
        #expect(slaves.contains(/"offered_resources":\{[^}]*"cpus":4\.0/), "\(slaves)")
        #expect(framework.offers.count == 1)
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

    @Test func aChangedScriptDecidesWhileTheMasterRuns() async throws {
      let script = FileManager.default.temporaryDirectory.appending(path: "tepui-\(UUID().uuidString).lua")
      defer { try? FileManager.default.removeItem(at: script) }
      func write(_ text: String) throws { try text.write(to: script, atomically: true, encoding: .utf8) }
      func all(to role: String) -> String {
        """
        function allocate(view)
          for _, agent in ipairs(view.candidates) do
            for _, claimant in ipairs(view.claimants) do
              if claimant.role.name == "\(role)" and claimant:may_have(agent) then grant(agent, claimant) end
            end
          end
        end
        """
      }
      try write(all(to: "a"))
      var modules = Modules()
      modules.allocator = "org.tepui.lua"
      modules.parameters = ["org.tepui.lua": ["script": script.path]]
      try await Cluster.run(agents: [], modules: modules) { cluster in
        let frameworks = [TestFramework(cluster, "a", role: "a"), TestFramework(cluster, "b", role: "b")]
        for framework in frameworks { try await framework.subscribe() }
        try await cluster.startAgent("one", "cpus:1;mem:1024")
        try await eventually("the first offer") { frameworks[0].offers.count == 1 }

        try write("function allocate(")
        try await cluster.startAgent("two", "cpus:1;mem:1024")
        try await eventually("an offer by the last good script") { frameworks[0].offers.count == 2 }
        #expect(cluster.master.program.log.contains("org.tepui.lua: the changed script is not used, the last good one"))
        let reason = try await cluster.tepui("explain", "--framework", frameworks[1].id).output
        #expect(reason.contains("org.tepui.lua: an older script decides, for the changed one fails: "), "\(reason)")

        try write(all(to: "b"))
        try await cluster.startAgent("three", "cpus:1;mem:1024")
        try await eventually("an offer by the new script") { frameworks[1].offers.count == 1 }
        #expect(frameworks[0].offers.count == 2)
      }
    }

    /// What is loaded, what is only there, and what cannot be used, by the command as by the endpoint.
    @Test func everyModuleOfTheDirectoryIsListed() async throws {
      var modules = Modules()
      modules.allocator = "org.tepui.strict-priority"
      modules.parameters = ["org.tepui.strict-priority": ["priorities": "a=1,b=2"]]
      try await Cluster.run(agents: [], modules: modules) { cluster in
        let directory = cluster.modulesDirectory
        try "hello".write(toFile: "\(directory)/libtext.so", atomically: false, encoding: .utf8)
        let rows = try await cluster.tepui("modules").output.split(separator: "\n").map(String.init)
        let headings = try #require(rows.first).split(separator: " ").map(String.init)
        #expect(
          headings == [
            "WHERE", "MODULE", "KIND", "STATE", "VERSION", "ABI", "CALLS", "MS", "REFUSALS", "FAILURES", "OVERRUNS",
            "PATH", "DETAILS",
          ])
        let loaded = try #require(rows.first { $0.contains(" loaded ") })
        let row = try #require(
          loaded.wholeMatch(
            of: #/master \S+ +(\S+) +allocator +loaded +[0-9.]+ +0\.9 +\d+ +[0-9.]+ +0 +0 +\d+ +(\S+) +(\S+)/#),
          "\(loaded)")
        #expect(row.output.1 == "org.tepui.strict-priority")
        #expect(row.output.2 == "\(directory)/libstrict-priority.so")
        #expect(row.output.3 == "priorities=a=1,b=2")
        #expect(rows.contains { $0.contains(" org.tepui.drf ") && $0.contains(" found ") && $0.contains("libdrf.so") })
        let refused = try #require(rows.first { $0.contains(" refused ") })
        #expect(refused.contains("libtext.so: is not a shared library but begins with \"hello\""), "\(refused)")

        let answer = try await cluster.get(cluster.master.endpoint, "/modules")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let listed = try decoder.decode(Listing.self, from: Data(answer.body.readableBytesView)).modules
        let one = try #require(listed.first { $0.state == "loaded" })
        #expect(one.id == "org.tepui.strict-priority" && one.path == "\(directory)/libstrict-priority.so")
        #expect(one.kind == "tepui.allocator/1" && one.abi == "0.9" && one.version?.isEmpty == false)
        #expect(one.parameters == ["priorities": "a=1,b=2"] && one.calls != nil && one.timeMs != nil)
        #expect(one.refusals == 0 && one.failures == 0 && one.overruns != nil)
        #expect(listed.count { $0.state == "found" } >= 4)
        #expect(listed.first { $0.state == "refused" }?.reason?.contains("is not a shared library") == true)
      }
    }

    private struct Listing: Decodable {
      struct Module: Decodable {
        var path, state: String
        var id, kind, version, abi, reason: String?
        var parameters: [String: String]?
        var calls, refusals, failures, overruns: Int?
        var timeMs: Double?
      }
      var modules: [Module]
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
