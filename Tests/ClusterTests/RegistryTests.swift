import Foundation
import Testing
import Transport
import Wire

extension ClusterTests {
  /// What operators decided must outlive the master.
  @MainActor @Suite struct Registry {
    private func slaves(_ cluster: Cluster) async throws -> String {
      String(buffer: try await cluster.get(cluster.master.endpoint, "/slaves").body)
    }

    private func agentID(_ cluster: Cluster) async throws -> String {
      String(try #require(try await slaves(cluster).firstMatch(of: /"id":"([^"]+-S\d+)"/)).output.1)
    }

    @Test func killedMasterKeepsQuotasWeightsAndDrainedAgents() async throws {
      try await Cluster.run { cluster in
        let id = try await agentID(cluster)
        for command in [
          ["quota", "set", "prod", "--guarantee", "cpus:1,mem:64", "--limit", "cpus:2"],
          ["weights", "set", "prod=2.5", "test=0.5"], ["drain", id, "--grace", "1mins"],
        ] {
          let program = try cluster.startTepui(command)
          #expect(try await program.exitStatus() == 0, "\(program.log)")
        }
        @MainActor func show() async throws -> [String] {
          var shown: [String] = []
          for command in ["quota", "weights"] { shown.append(try await cluster.tepui(command).output) }
          return shown
        }
        let before = try await show()
        #expect(before[0].contains(#/prod +cpus +1 +2\n/#) && before[0].contains(#/prod +mem +64 +-\n/#))
        #expect(before[1].contains(#/prod +2\.5\n/#) && before[1].contains(#/test +0\.5\n/#))
        try await eventually("it is drained") { try await cluster.tepui("agents").output.contains("drained") }

        try await cluster.stopMaster(SIGKILL)
        try await cluster.startMaster()
        #expect(try await show() == before)
        try await eventually("the agent is back, drained") {
          let output = try await cluster.tepui("agents").output
          return output.contains(id) && output.contains("drained")
        }
        #expect(try await cluster.tepui("reactivate", id).status == 0)
        #expect(try await cluster.tepui("quota", "remove", "prod").status == 0)
        #expect(try await cluster.tepui("gone", id).status == 0)
        try await eventually("the agent is gone") { !(try await slaves(cluster).contains(id)) }

        try await cluster.stopMaster(SIGKILL)
        try await cluster.startMaster()
        #expect(try await !show()[0].contains("prod"))
        // Known as gone, so it is not waited for.
        #expect(try await cluster.tepui("gone", id).status == 0)
        #expect(!(try await slaves(cluster).contains(id)))
      }
    }

    /// Kills the master at random moments of a storm of changes: of each call all roles are there or none, and all that
    /// was answered.
    @Test func aKilledMasterLosesNothingThatItAcknowledged() async throws {
      try await Cluster.run(agents: []) { cluster in
        var acknowledged = 0
        var next = 1
        for _ in 0..<5 {
          let end = Int.random(in: 5...60)
          let storm = Task { @MainActor in
            var last = acknowledged
            while true {
              let infos = (0..<20).map { #"{"role": "r\#($0)", "weight": \#(next).5}"# }.joined(separator: ",")
              next += 1
              let answer = try? await cluster.post(
                "/api/v1", #"{"type": "UPDATE_WEIGHTS", "update_weights": {"weight_infos": [\#(infos)]}}"#)
              guard let answer else { return last }
              #expect(answer.status == 200)
              last = next - 1
            }
          }
          try await Task.sleep(for: .milliseconds(end))
          try await cluster.stopMaster(SIGKILL)
          acknowledged = await storm.value
          try await cluster.startMaster()
          let weights = try await cluster.get(cluster.master.endpoint, "/weights")
          struct Weight: Decodable {
            var role: String
            var weight: Double
          }
          let found = try JSONDecoder().decode([Weight].self, from: Data(weights.bodyBytes))
          let values = Set(found.map(\.weight))
          #expect(values.count <= 1 && (found.isEmpty || found.count == 20))
          let value = Int(values.first ?? 0.5)
          #expect(value == acknowledged || value == next - 1, "\(value) after \(acknowledged) of \(next - 1)")
        }
      }
    }

    @Test func aSecondMasterOnTheSameDirectoryIsRefused() async throws {
      try await Cluster.run(agents: []) { cluster in
        let second = try Program(
          "tepui-master",
          ["--ip=127.0.0.1", "--port=0", "--work_dir=\(cluster.directory)/master"]
            + ["--modules_dir=\(cluster.modulesDirectory)"],
          log: "\(cluster.directory)/second.log")
        #expect(try await second.exitStatus() != 0)
        #expect(second.log.contains("registry.db: another process uses this store"))
        #expect(try await cluster.get(cluster.master.endpoint, "/health").status == .ok)
      }
    }

    /// The change that could not be written is not answered as done, and the master ends rather than to go on.
    @Test func aRegistryThatCannotBeWrittenEndsTheMaster() async throws {
      try await Cluster.run(agents: []) { cluster in
        try await cluster.stopMaster()
        try await cluster.startMaster(fileBlocks: 400)
        var statuses: [Int] = []
        let role = String(repeating: "r", count: 60)
        for number in 0..<400 where cluster.master.program.isRunning {
          let infos = (0..<50).map { #"{"role": "\#(role)\#(number)-\#($0)", "weight": 2}"# }.joined(separator: ",")
          let answer = try? await cluster.post(
            "/api/v1", #"{"type": "UPDATE_WEIGHTS", "update_weights": {"weight_infos": [\#(infos)]}}"#)
          if let answer { statuses.append(answer.status) }
        }
        try await eventually("the master has ended") { !cluster.master.program.isRunning }
        #expect(statuses.allSatisfy { $0 == 200 } && !statuses.isEmpty)
        #expect(cluster.master.program.log.contains("Ending, because the registry cannot be written: "))
        try await cluster.startMaster()
        let kept = try await cluster.get(cluster.master.endpoint, "/weights")
        #expect(String(buffer: kept.body).matches(of: /"role"/).count == statuses.count * 50)
      }
    }

    @Test func theWhitelistIsReadAnew() async throws {
      let list = FileManager.default.temporaryDirectory.appending(path: "tepui-whitelist-\(UUID().uuidString)")
      try "nobody\n\n".write(to: list, atomically: true, encoding: .utf8)
      defer { try? FileManager.default.removeItem(at: list) }
      try await Cluster.run(flags: ["--whitelist=file://\(list.path)"]) { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        #expect(try await cluster.tepui("agents").output.contains("active"))
        try FileManager.default.removeItem(at: list)
        try await eventually("it warns") {
          cluster.master.program.log.contains("--whitelist: \(list.path) cannot be read")
        }
        #expect(framework.offers.isEmpty)
        try "*\n".write(to: list, atomically: true, encoding: .utf8)
        _ = try await framework.offer(cpus: 4)
        try await framework.send(.teardown)

        try await cluster.stopMaster()
        let refused = try Program(
          "tepui-master", ["--modules_dir=\(cluster.modulesDirectory)", "--port=0", "--whitelist=/no/such/file"],
          log: "\(cluster.directory)/refused.log")
        #expect(try await refused.exitStatus() != 0)
        #expect(refused.log.contains("--whitelist: /no/such/file cannot be read; it must be a text file"))
      }
    }

    @Test func commandsThatTheMasterRefusesSayWhyAndWhatToDo() async throws {
      try await Cluster.run(agents: []) { cluster in
        for (command, text) in [
          (["drain", "nobody"], "agent nobody: the master at \(cluster.master.endpoint) refused: Unknown agent"),
          (["gone", "nobody"], "Agent 'nobody' not found; 'tepui agents' lists agents"),
          (["weights", "set", "a=-1"], "Weights must be positive"),
          (["weights", "set", "a"], "invalid for '<weights>"),
          (["quota", "set", "a"], "give --guarantee, --limit or both"),
          (["quota", "set", "a", "--guarantee", "cpus"], "'cpus' is invalid for '--guarantee"),
          (["quota", "set", "a", "--guarantee", "cpus:1000"], "use 'force' flag"),
          (["quota", "set", "a/b", "--limit", "cpus:1"], "nested role 'a/b'"),
        ] {
          let program = try cluster.startTepui(command)
          #expect(try await program.exitStatus() != 0)
          #expect(program.log.contains(text), "\(command): \(program.log)")
        }
      }
    }
  }
}
