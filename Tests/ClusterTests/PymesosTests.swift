import Foundation
import Testing

extension ClusterTests {
  /// A framework on unmodified pymesos, which nobody wrote with us in mind.
  @MainActor @Suite(.enabled(if: Pymesos.isInstalled, "needs pymesos in .cache/python: Tests/run installs it"))
  struct PymesosFramework {
    @Test(arguments: ["commands", "executor"])
    func livesItsWholeLifeWithHundredTasks(mode: String) async throws {
      try await Cluster.run { cluster in
        let framework = try Program(
          Pymesos.python,
          ["\(Repository.root)/Tests/ClusterTests/pymesos/framework.py", "\(cluster.master.endpoint)", mode, "100"],
          log: "\(cluster.directory)/pymesos.log")
        let status = try await framework.exitStatus(within: .seconds(240))
        #expect(status == 0, "\(framework.log)")
        let frameworks = try await cluster.tepui("frameworks")
        #expect(frameworks.output.split(separator: "\n").count == 1, "\(frameworks.output)")
      }
    }

    @Test func isAskedToLeaveForMaintenance() async throws {
      try await Cluster.run { cluster in
        let framework = try Program(
          Pymesos.python,
          ["\(Repository.root)/Tests/ClusterTests/pymesos/maintenance.py", "\(cluster.master.endpoint)"],
          log: "\(cluster.directory)/pymesos.log")
        let status = try await framework.exitStatus(within: .seconds(120))
        #expect(status == 0, "\(framework.log)")
      }
    }
  }
}

enum Pymesos {
  static let python = "\(Repository.root)/.cache/python/bin/python"
  static let isInstalled = FileManager.default.isExecutableFile(atPath: python)
}
