import Testing
import Wire

extension ClusterTests {
  /// What a framework is there for: offers and tasks.
  @MainActor @Suite struct Work {
    @Test(arguments: WireFormat.allCases)
    func hundredTasksRunAndEverythingIsToldOfThem(format: WireFormat) async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster, format: format)
        try await framework.subscribe()
        let ending = (0..<90).map { "ends-\($0)" }
        let lasting = (0..<10).map { "lasts-\($0)" }
        let offer = try await framework.offer(cpus: 4)
        #expect(offer.hostname.isEmpty == false && offer.url.path == "/slave(1)")
        try await framework.launch(ending, on: offer, "exit 0")
        try await framework.launch(lasting, on: try await framework.offer(cpus: 1), "sleep 1000")

        try await framework.wait("90 to finish") { $0.tasks(in: .taskFinished) == Set(ending) }
        try await framework.wait("10 to run") { $0.tasks(in: .taskRunning) == Set(lasting) }
        for task in ending {
          let states = framework.states(of: task)
          #expect(states.filter { $0 != .taskStarting } == [.taskRunning, .taskFinished], "\(task)")
        }

        try await framework.kill("lasts-3")
        try await framework.kill("lasts-7")
        try await framework.wait("two kills") { $0.tasks(in: .taskKilled) == ["lasts-3", "lasts-7"] }

        let left = Set(lasting).subtracting(["lasts-3", "lasts-7"])
        framework.forgetUpdates()
        try await framework.send(.reconcile) { $0.reconcile = .init() }
        try await framework.wait("reconciliation of all") { $0.tasks(in: .taskRunning) == left }
        #expect(framework.updates.allSatisfy { $0.reason == .reconciliation && !$0.hasUuid })

        try await framework.send(.reconcile) { call in
          call.reconcile.tasks = ["lasts-1", "nobody"].map { name in .with { $0.taskID.value = name } }
        }
        try await framework.wait("reconciliation of one unknown") { $0.tasks(in: .taskUnknown) == ["nobody"] }

        try await framework.send(.teardown)
        try await framework.wait("its end") { $0.ending != nil }
        let next = TestFramework(cluster, "next", format: format)
        try await next.subscribe()
        _ = try await next.offer(cpus: 4)
      }
    }

    @Test func thousandTasksOfOneAcceptAllFinish() async throws {
      try await Cluster.run(agents: ["cpus:16;mem:8192"]) { cluster in
        let framework = TestFramework(cluster, format: .protobuf)
        try await framework.subscribe()
        let tasks = (0..<1000).map { "t\($0)" }
        try await framework.launch(tasks, on: try await framework.offer(cpus: 16), "exit 0")
        try await framework.wait("1,000 to finish", within: .seconds(240)) {
          $0.tasks(in: .taskFinished).count == 1000
        }
        try await framework.send(.teardown)
      }
    }

    @Test func commandsEndsAreToldAsTheyWere() async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        try await framework.launch(["three"], on: try await framework.offer(), "exit 3")
        try await framework.launch(["killed"], on: try await framework.offer(), "kill -9 $$")
        try await framework.launch(["missing"], on: try await framework.offer(), "/no/such/program")
        try await framework.wait("three failures") { $0.tasks(in: .taskFailed) == ["three", "killed", "missing"] }
        let last = framework.last
        #expect(last["three"]?.message.contains("Command exited with status 3") == true)
        #expect(last["killed"]?.message.contains("Command terminated with signal Killed") == true)
        #expect(last["missing"]?.message.contains("Command exited with status 127") == true)
        try await framework.send(.teardown)
      }
    }

    @Test func invalidTaskIsAnErrorAndTheOthersRun() async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        let offer = try await framework.offer()
        func task(_ name: String, _ change: (inout MesosTaskInfo) -> Void = { _ in }) -> MesosTaskInfo {
          .task(name, on: offer, "exit 0", change)
        }
        try await framework.launch(
          [
            task("good-1"), task("a/b"), task("no command") { $0.clearCommand() },
            task("too much") { $0.resources[0].scalar.value = 1000 },
            task("negative") { $0.resources[0].scalar.value = -1 }, task("nothing") { $0.resources = [] },
            task("elsewhere") { $0.agentID.value = "elsewhere" }, task("good-2"),
          ], on: offer)
        try await framework.wait("two to finish") { $0.tasks(in: .taskFinished) == ["good-1", "good-2"] }
        try await framework.wait("six to be refused") { $0.tasks(in: .taskError).count == 6 }
        let last = framework.last
        for name in ["a/b", "no command", "too much", "negative", "nothing", "elsewhere"] {
          let status = try #require(last[name], "\(name)")
          #expect(status.reason == .taskInvalid && status.source == .master && !status.hasUuid, "\(name)")
        }
        #expect(last["nothing"]?.message == "Task uses no resources")
        #expect(
          last["no command"]?.message
            == "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present")
        try await framework.send(.teardown)
      }
    }

    @Test func tasksOfAnOfferThatIsGoneAreDropped() async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        var offer = try await framework.offer()
        offer.id.value = "gone"
        try await framework.launch(["task"], on: offer, "exit 0")
        try await framework.wait("the drop") { $0.tasks(in: .taskDropped) == ["task"] }
        let status = try #require(framework.last["task"])
        #expect(status.reason == .invalidOffers)
        #expect(status.message == "Task launched with invalid offers: Offer gone is no longer valid")
        try await framework.send(.teardown)
      }
    }
  }
}
