import Foundation
import Testing
import Wire

extension ClusterTests {
  /// The files that outputs of tasks go to.
  @MainActor @Suite struct Outputs {
    /// The outputs of a task that has its name alone.
    private func contents(of task: String, _ cluster: Cluster) throws -> [String: String] {
      let files = FileManager.default.enumerator(atPath: "\(cluster.directory)/agent0")
      let names = (files?.allObjects as? [String] ?? []).filter {
        $0.contains("/executors/\(task)/runs/") && $0.contains("/std") && !$0.contains("/latest/")
      }
      return try Dictionary(
        names.map { name in
          (
            URL(filePath: name).lastPathComponent,
            try String(contentsOfFile: "\(cluster.directory)/agent0/\(name)", encoding: .utf8)
          )
        }
      ) { first, _ in first }
    }

    @Test func tasksBoundTheirOwn() async throws {
      try await Cluster.run(agents: []) { cluster in
        try await cluster.startAgent(
          "agent0", "cpus:4;mem:4096;disk:10000", flags: ["--max_stdout_size=1KB", "--rotated_files=1"])
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        let offer = try await framework.offer()
        func task(_ name: String, _ sizes: [String: String]) -> MesosTaskInfo {
          .task(name, on: offer, "seq 1000 1999; seq 1000 1999 >&2; exit 0") {
            $0.command.environment.variables = sizes.map { name, size in
              .with { ($0.name, $0.value) = ("CONTAINER_LOGGER_MAX_\(name)_SIZE", size) }
            }
          }
        }
        try await framework.launch(
          [task("own", ["STDOUT": "0B", "STDERR": "2KB"]), task("odd", ["STDERR": "much"])], on: offer)
        try await framework.wait("the end") { $0.tasks(in: .taskFinished) == ["own"] }
        try await framework.wait("the failure") { $0.tasks(in: .taskFailed) == ["odd"] }
        let contents = try contents(of: "own", cluster)
        #expect(contents.keys.sorted() == ["stderr", "stderr.1", "stdout"])
        #expect(contents["stdout"] == (1000...1999).map { "\($0)\n" }.joined())
        #expect(contents["stderr.1"]?.utf8.count == 2048)
        #expect(
          framework.last["odd"]?.message
            == "Failed to launch container: CONTAINER_LOGGER_MAX_STDERR_SIZE is 'much', which is no size; give one such "
            + "as 10MB")
        try await framework.send(.teardown)
      }
    }

    @Test func agentsBoundThemAsTheyAreTold() async throws {
      try await Cluster.run(agents: []) { cluster in
        try await cluster.startAgent(
          "agent0", "cpus:4;mem:4096;disk:10000", flags: ["--max_stdout_size=1KB", "--rotated_files=1"])
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        try await framework.launch(
          ["wordy"], on: try await framework.offer(), "seq 1000 1999; seq 1000 1999 >&2; exit 0")
        try await framework.wait("the end") { $0.tasks(in: .taskFinished) == ["wordy"] }
        let contents = try contents(of: "wordy", cluster)
        #expect(contents.keys.sorted() == ["stderr", "stdout", "stdout.1"])
        let all = (1000...1999).map { "\($0)\n" }.joined()
        #expect(contents["stderr"] == all)
        let newest = try #require(contents["stdout"])
        #expect(newest.utf8.count <= 1024 && contents["stdout.1"]?.utf8.count == 1024)
        #expect(all.hasSuffix((contents["stdout.1"] ?? "") + newest))
        try await framework.send(.teardown)
      }
    }
  }
}
