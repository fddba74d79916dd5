import Foundation
import Testing
import Transport
import Wire

extension ClusterTests {
  /// Task groups on the default executor, over HTTP.
  @MainActor @Suite struct Pods {
    private func shared(at containerPath: String) -> MesosVolume {
      .with {
        $0.mode = .rw
        $0.containerPath = containerPath
        $0.source.type = .sandboxPath
        $0.source.sandboxPath.type = .parent
        $0.source.sandboxPath.path = "shared"
      }
    }

    @Test(arguments: WireFormat.allCases)
    func tasksOfAGroupShareADirectoryAndFinish(format: WireFormat) async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster, format: format)
        try await framework.subscribe()
        let offer = try await framework.offer(cpus: 1)
        try await framework.launchGroup(
          [
            .task("writer", on: offer, "echo hello > out/note") { $0.container = container(shared(at: "out")) },
            .task("reader", on: offer, "until [ -s in/note ]; do sleep 0.05; done; cp in/note stolen") {
              $0.container = container(shared(at: "in"))
            },
            .task("third", on: offer, "test \"$MESOS_SANDBOX\" = \"$PWD\" && test -n \"$MESOS_CONTAINER_IP\""),
          ], on: offer)
        try await framework.wait("three to finish") {
          $0.tasks(in: .taskFinished) == ["writer", "reader", "third"]
        }
        for name in ["writer", "reader", "third"] {
          #expect(framework.states(of: name) == [.taskStarting, .taskRunning, .taskFinished])
        }
        let parents = Set(framework.updates.map(\.containerStatus.containerID.parent.value))
        #expect(parents.count == 1 && parents.first?.isEmpty == false)
        try await framework.wait("the pod's end") { $0.failures.map(\.status) == [0] }
        try await framework.send(.teardown)
      }
    }

    private func container(_ volume: MesosVolume) -> MesosContainerInfo {
      .with {
        $0.type = .mesos
        $0.volumes = [volume]
      }
    }

    @Test func aTaskThatFailsTakesItsGroupDownAndNotAnother() async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        var offer = try await framework.offer(cpus: 1)
        try await framework.launchGroup(
          [.task("other-1", on: offer, "sleep 1000"), .task("other-2", on: offer, "sleep 1000")], on: offer
        )
        try await framework.wait("two to run") { $0.tasks(in: .taskRunning).count == 2 }
        offer = try await framework.offer(cpus: 1)
        try await framework.launchGroup(
          [
            .task("fails", on: offer, "sleep 0.3; exit 7"), .task("lasts", on: offer, "sleep 1000"),
            .task("stubborn", on: offer, "trap '' TERM; while :; do sleep 1; done") {
              $0.killPolicy.gracePeriod.nanoseconds = 200_000_000
            },
          ], on: offer)
        try await framework.wait("the failure") { $0.tasks(in: .taskFailed) == ["fails"] }
        try await framework.wait("the others' end") { $0.tasks(in: .taskKilled) == ["lasts", "stubborn"] }
        #expect(framework.last["fails"]?.message == "Command exited with status 7")
        #expect(framework.tasks(in: .taskRunning) == ["other-1", "other-2"])
        // In one container of the executor.
        #expect(Set(framework.updates.map(\.containerStatus.containerID.parent.value)).count == 1)

        try await expectContainers(of: cluster, besides: framework.updates.compactMap(\.containerStatus.containerID))
        let state = String(buffer: try await cluster.get(cluster.agent, "/state").body)
        #expect(state.contains(#""type":"DEFAULT""#) && state.contains(#""parent":{"#))

        try await framework.kill("other-1")
        try await framework.wait("all killed") { $0.tasks(in: .taskKilled).count == 4 }
        #expect(framework.states(of: "other-1").suffix(2) == [.taskKilling, .taskKilled])
        try await framework.send(.teardown)
      }
    }

    /// Mesos tells of the containers of tasks only those who ask for them, and then not by executor.
    private func expectContainers(of cluster: Cluster, besides told: [MesosContainerID]) async throws {
      let listed = String(buffer: try await cluster.get(cluster.agent, "/containers?jsonp=f").body)
      #expect(listed.hasPrefix("f([") && !listed.contains(#""parent":"#))
      for (showsNested, count) in [(false, 1), (true, 3)] {
        let call = #"{"type": "GET_CONTAINERS", "get_containers": {"show_nested": \#(showsNested)}}"#
        let request = ClientRequest(
          .POST, cluster.agent, "/api/v1", headers: ["Content-Type": "application/json"], body: [UInt8](call.utf8))
        let answer = try WireFormat.json.decode(
          MesosAgentResponse.self, from: try await cluster.http.send(request).bodyBytes)
        let containers = answer.getContainers.containers
        #expect(containers.count == count && containers.count { $0.hasExecutorID && $0.hasFrameworkID } == 1)
        #expect(containers.allSatisfy { $0.containerStatus.containerID == $0.containerID })
        for nested in containers where nested.containerID.hasParent {
          #expect(told.contains(nested.containerID) && !nested.hasExecutorName)
          let one = try await cluster.get(cluster.agent, "/containers?container_id=\(nested.containerID.value)")
          #expect(String(buffer: one.body).contains(#""parent":"#))
        }
      }
    }

    @Test(arguments: [SIGKILL, SIGTERM])
    func podsOutliveTheirAgent(signal: Int32) async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        let offer = try await framework.offer(cpus: 1)
        let file = "\(cluster.directory)/go"
        try await framework.launchGroup(
          [
            .task("lasts", on: offer, "sleep 1000"),
            .task("waits", on: offer, "until [ -e \(file) ]; do sleep 0.05; done; exit 0"),
            .task("fails", on: offer, "until [ -e \(file)2 ]; do sleep 0.05; done; exit 5"),
          ], on: offer)
        try await framework.wait("three to run") { $0.tasks(in: .taskRunning).count == 3 }

        try await cluster.stopAgent("agent0", signal)
        try "".write(toFile: file, atomically: true, encoding: .utf8)
        try await Task.sleep(for: .milliseconds(300))
        try await cluster.startAgent("agent0", "cpus:4;mem:4096;disk:10000")
        try await framework.wait("the end that nobody saw") { $0.tasks(in: .taskFinished) == ["waits"] }
        framework.forgetUpdates()
        try await framework.send(.reconcile) { $0.reconcile = .init() }
        try await framework.wait("two to be there") { $0.tasks(in: .taskRunning) == ["lasts", "fails"] }

        try await cluster.stopAgent("agent0", signal)
        try "".write(toFile: "\(file)2", atomically: true, encoding: .utf8)
        try await Task.sleep(for: .milliseconds(300))
        try await cluster.startAgent("agent0", "cpus:4;mem:4096;disk:10000")
        try await framework.wait("the failure that nobody saw") { $0.tasks(in: .taskFailed) == ["fails"] }
        #expect(framework.last["fails"]?.message == "Command exited with status 5")
        try await framework.wait("the group's end") { $0.tasks(in: .taskKilled) == ["lasts"] }
        try await framework.send(.teardown)
      }
    }

    @Test func aGroupWithABadTaskRunsNothing() async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        let offer = try await framework.offer(cpus: 1)
        try await framework.launchGroup(
          [.task("good", on: offer, "exit 0"), .task("bad", on: offer, "exit 0") { $0.resources = [] }], on: offer)
        try await framework.wait("the refusal") { $0.tasks(in: .taskError) == ["good", "bad"] }
        #expect(framework.last.values.allSatisfy { $0.reason == .taskGroupInvalid && !$0.hasUuid })
        #expect(framework.last["good"]?.message == "Task 'bad' is invalid: Task uses no resources")
        try await framework.send(.teardown)
      }
    }
  }
}
