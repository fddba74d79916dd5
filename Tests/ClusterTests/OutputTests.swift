import Foundation
import Testing
import Wire

extension ClusterTests {
  /// The files that outputs of tasks go to.
  @MainActor @Suite struct Outputs {
    @Test func agentsBoundThemAsTheyAreTold() async throws {
      try await Cluster.run(agents: []) { cluster in
        try await cluster.startAgent(
          "agent0", "cpus:4;mem:4096;disk:10000", flags: ["--max_stdout_size=1KB", "--rotated_files=1"])
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        try await framework.launch(
          ["wordy"], on: try await framework.offer(), "seq 1000 1999; seq 1000 1999 >&2; exit 0")
        try await framework.wait("the end") { $0.tasks(in: .taskFinished) == ["wordy"] }
        let files = FileManager.default.enumerator(atPath: "\(cluster.directory)/agent0")
        let names = (files?.allObjects as? [String] ?? []).filter { $0.contains("/runs/") && $0.contains("/std") }
        let contents = try Dictionary(
          names.filter { !$0.contains("/latest/") }.map { name in
            (
              URL(filePath: name).lastPathComponent,
              try String(contentsOfFile: "\(cluster.directory)/agent0/\(name)", encoding: .utf8)
            )
          }
        ) { first, _ in first }
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
