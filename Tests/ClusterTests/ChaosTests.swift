import Foundation
import Glibc
import Testing
import Wire

extension ClusterTests {
  /// A thousand tasks of which many are killed, fail or cannot be launched, on an agent that is killed again and again:
  /// each ends once, as what befell it says, and nothing of them is left.
  @MainActor @Suite struct Chaos {
    @Test func everyTaskComesToOneTrueEndWhateverIsKilled() async throws {
      var modules = Modules()
      modules.own = [
        (
          name: "chaos", module: "org.example.chaos", source: "\(Repository.root)/Tests/ClusterTests/chaos/isolator.c"
        )
      ]
      modules.isolators = [Machine.limits ? "org.tepui.cgroups" : "org.tepui.posix", "org.example.chaos"]
      modules.deadlines["org.example.chaos"] = "100ms"
      try await Cluster.run(agents: [], modules: modules) { cluster in
        let chaos = try ChaosRun(cluster)
        defer { chaos.end() }
        try await chaos.launchAll()
        try await chaos.waitForEnds()
        #expect(chaos.problems() == [])
        let counts = chaos.counts
        #expect(chaos.fates.values.allSatisfy { counts[$0, default: 0] > 0 }, "\(counts)")
        print("of \(chaos.fates.count) tasks: \(counts.map { "\($0.value) \($0.key)" }.sorted())")

        #expect(chaos.hasToldOfTheSlowIsolator)
        try await chaos.expectNothingLeft()
        try await chaos.expectAHealthyAgent()
      }
    }
  }
}

/// What is to befall a task.
enum Fate: String, CaseIterable {
  case finishes, fails, isKilled, losesItsProcess, losesItsSupervisor, planFails, planHangs
  /// Of the two tasks of a pod.
  case finishesInAPod, losesItsProcessInAPod, losesItsPod
  case finishesOnAnExecutor, losesItsExecutor
  /// Where the kernel has cgroups with limits.
  case kernelRefuses
  /// Where a small file system can be mounted for the sandboxes.
  case fillsItsDisk

  var isOnAnExecutor: Bool { [.finishesOnAnExecutor, .losesItsExecutor].contains(self) }
  var isInAPod: Bool { [.finishesInAPod, .losesItsProcessInAPod, .losesItsPod].contains(self) }
  var losesItsProcessToUs: Bool { [.losesItsProcess, .losesItsProcessInAPod].contains(self) }

  /// Out of a thousand; half of them in a guest, which is slow.
  var count: Int {
    Machine.isAGuest ? usualCount / 2 : usualCount
  }

  private var usualCount: Int {
    switch self {
    case .finishes: 450
    case .fails, .isKilled, .losesItsProcess: 100
    case .losesItsSupervisor: 60
    case .planFails: 40
    case .planHangs: 10
    case .finishesInAPod: 40
    case .losesItsProcessInAPod, .losesItsPod: 20
    case .finishesOnAnExecutor: Pymesos.isInstalled ? 40 : 0
    case .losesItsExecutor: Pymesos.isInstalled ? 20 : 0
    case .kernelRefuses: Machine.limits ? 40 : 0
    case .fillsItsDisk: Machine.isAGuest ? 20 : 0
    }
  }

  /// Whether `status` is the true end of such a task.
  func isEnd(_ status: MesosTaskStatus) -> Bool {
    let says = { (text: String) in status.message.contains(text) }
    return switch self {
    case .finishes, .planHangs, .finishesInAPod, .finishesOnAnExecutor: status.state == .taskFinished
    case .fails: status.state == .taskFailed && says("exited with status 3")
    case .isKilled, .losesItsPod: status.state == .taskKilled
    case .losesItsProcess, .losesItsProcessInAPod: status.state == .taskFailed && says("signal Killed")
    case .losesItsSupervisor: status.state == .taskFailed
    case .losesItsExecutor: status.state == .taskFailed && status.reason == .executorTerminated
    case .planFails: status.state == .taskFailed && says("org.example.chaos") && says("not this one")
    case .kernelRefuses: status.state == .taskFailed && says("io.max")
    case .fillsItsDisk: status.state == .taskFailed && says("exited with status 1")
    }
  }
}
