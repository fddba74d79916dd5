import Foundation
import Testing
import Transport
import Wire

extension ClusterTests {
  /// Daemons that die and come back.
  @MainActor @Suite struct Restarts {
    @Test(arguments: [SIGKILL, SIGTERM])
    func agentThatComesBackHasLostNoTask(signal: Int32) async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        let lasting = (0..<10).map { "lasts-\($0)" }
        try await framework.launch(lasting, on: try await framework.offer(cpus: 4), "sleep 1000")
        try await framework.wait("10 to run") { $0.tasks(in: .taskRunning) == Set(lasting) }
        // Ends while nobody looks; its exit status must not be lost.
        let file = "\(cluster.directory)/go"
        try await framework.launch(
          ["waits"], on: try await framework.offer(), "until [ -e \(file) ]; do sleep 0.05; done; exit 5")
        try await framework.wait("another to run") { $0.tasks(in: .taskRunning).contains("waits") }

        try await cluster.stopAgent("agent0", signal)
        try "".write(toFile: file, atomically: true, encoding: .utf8)
        try await Task.sleep(for: .milliseconds(300))
        try await cluster.startAgent("agent0", "cpus:4;mem:4096;disk:10000")

        try await framework.wait("the end that nobody saw") { $0.tasks(in: .taskFailed) == ["waits"] }
        let status = framework.last["waits"]
        #expect(status?.message.contains("Command exited with status 5") == true)
        try await framework.kill("lasts-4")
        try await framework.wait("a kill after the restart") { $0.tasks(in: .taskKilled) == ["lasts-4"] }
        framework.forgetUpdates()
        try await framework.send(.reconcile) { $0.reconcile = .init() }
        try await framework.wait("nine to be there") {
          $0.tasks(in: .taskRunning) == Set(lasting).subtracting(["lasts-4"])
        }
        try await framework.send(.teardown)
      }
    }

    @Test func masterThatComesBackLearnsOfTheTasks() async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        try await framework.launch(["task"], on: try await framework.offer(), "sleep 1000")
        try await framework.wait("the task to run") { $0.tasks(in: .taskRunning) == ["task"] }
        let id = framework.id

        try await cluster.stopMaster(SIGKILL)
        try await framework.wait("the disconnect") { $0.ending != nil }
        try await cluster.startMaster()
        try await framework.subscribe()
        #expect(framework.id == id)
        try await eventually("the agent is back with its task") {
          framework.forgetUpdates()
          try await framework.send(.reconcile) { $0.reconcile = .init() }
          try await Task.sleep(for: .milliseconds(100))
          return framework.tasks(in: .taskRunning) == ["task"]
        }
        try await framework.kill("task")
        try await framework.wait("the kill") { $0.tasks(in: .taskKilled) == ["task"] }
        try await framework.send(.teardown)
      }
    }
  }
}
