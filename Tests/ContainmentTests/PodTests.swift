import Containment
import Glibc
import ModuleHost
import Testing

extension Harness {
  /// A request for a pod: its command is not executed.
  func pod(_ id: String) throws -> LaunchRequest {
    var request = try request(id, "exit 99")
    request.description.isPod = true
    request.description.isCommandTask = false
    return request
  }

  /// A request to run a shell script in a container within a pod.
  func nested(_ id: String, in pod: String, _ script: String, sharesLimits: Bool = true) throws -> LaunchRequest {
    var request = try request(id, script)
    request.description.parentID = pod
    request.description.sharesLimits = sharesLimits
    request.description.isCommandTask = false
    return request
  }
}

/// Plans only for pods, as an isolator does that gives a group a network of its own.
private final class PodIsolator: Isolator {
  let id = "pods"
  let entries: [PlanEntry]

  init(_ entries: [PlanEntry]) { self.entries = entries }

  func plan(_ container: ContainerDescription, running: Bool) throws(IsolatorFailure) -> [PlanEntry] {
    container.isPod && !running ? entries : []
  }

  func usage(_ container: ContainerDescription, cgroup: any CgroupReading) throws(IsolatorFailure) -> [String: Double] {
    ["processes": 1]
  }

  func perform(_ step: LifecycleStep, _ container: ContainerDescription) throws(IsolatorFailure) {}
}

extension ContainmentTests {
  /// Containers within containers, without cgroups.
  @Suite struct PodTests {
    @Test func aPodRunsNothingAndItsContainersEndByThemselves() async throws {
      let harness = try Harness()
      let pod = try await harness.launch(harness.pod("pod")).get()
      #expect(read("/proc/\(pod.pid)/comm") == "tepui-pod\n")
      _ = try await harness.launch(harness.nested("a", in: "pod", "echo in; exit 3")).get()
      #expect(try await harness.exit(of: "a").waitStatus == 3 << 8)
      #expect(harness.output(of: "a") == "in\n")
      #expect(isAlive(pod.pid) && harness.exitCount(of: "pod") == 0)
      harness.containment.destroy("pod")
      #expect(try await harness.exit(of: "pod").waitStatus == SIGKILL)
    }

    @Test func destroyingAPodEndsWhatRunsWithinItFirst() async throws {
      let harness = try Harness()
      _ = try await harness.launch(harness.pod("pod")).get()
      let a = try await harness.launch(harness.nested("a", in: "pod", "setsid sleep 600 & echo $!; exec sleep 600"))
        .get()
      let b = try await harness.launch(harness.nested("b", in: "pod", "exec sleep 600")).get()
      let daemon = try #require(Int32(try await harness.lines(of: "a", 1)[0]))
      harness.containment.destroy("pod")
      _ = try await harness.exit(of: "pod")
      // They were told before.
      #expect(harness.exitCount(of: "a") == 1 && harness.exitCount(of: "b") == 1)
      for pid in [a.pid, a.supervisorPID, b.pid, b.supervisorPID, daemon] { #expect(!isAlive(pid)) }
    }

    @Test func aPodWhoseProcessIsKilledTakesItsContainersAlong() async throws {
      let harness = try Harness()
      let pod = try await harness.launch(harness.pod("pod")).get()
      let a = try await harness.launch(harness.nested("a", in: "pod", "exec sleep 600")).get()
      kill(pod.pid, SIGKILL)
      #expect(try await harness.exit(of: "pod").waitStatus == SIGKILL)
      #expect(harness.exitCount(of: "a") == 1 && !isAlive(a.pid))
    }

    @Test func nothingIsLaunchedInAPodThatDoesNotRun() async throws {
      let harness = try Harness()
      #expect(
        await harness.launch(try harness.nested("a", in: "pod", "exit 0"))
          == .failure(LaunchFailure(step: .plan, message: "the pod pod does not run")))
    }

    @Test func signalsReachOneContainerOnly() async throws {
      let harness = try Harness()
      let pod = try await harness.launch(harness.pod("pod")).get()
      _ = try await harness.launch(harness.nested("a", in: "pod", "exec sleep 600")).get()
      let b = try await harness.launch(harness.nested("b", in: "pod", "exec sleep 600")).get()
      harness.containment.signal("a", SIGTERM)
      #expect(try await harness.exit(of: "a").waitStatus == SIGTERM)
      #expect(isAlive(pod.pid) && isAlive(b.pid))
      harness.containment.destroy("pod")
      _ = try await harness.exit(of: "pod")
    }

    @Test func successorTakesOverAPodAndWhatRunsWithinIt() async throws {
      let first = try Harness()
      let pod = try first.pod("pod")
      let a = try first.nested("a", in: "pod", "read -r _ < gate; exit 9")
      let b = try first.nested("b", in: "pod", "read -r _ < gate; exit 4")
      let gates = (try first.addGate(to: a), try first.addGate(to: b))
      let launched = try await first.launch(pod).get()
      let launchedA = try await first.launch(a).get()
      let launchedB = try await first.launch(b).get()
      first.containment.stop()
      pass(gates.1)
      try await eventually("b ends") { isAlive(launchedB.supervisorPID) ? nil : true }

      let second = try Harness(directory: first.directory)
      #expect(await second.destroyOrphans(keeping: ["pod", "a", "b"]) == [])
      #expect(await second.recover(pod) == launched)
      #expect(await second.recover(a) == launchedA)
      #expect(await second.recover(b) == nil)
      #expect(try await second.exit(of: "b").waitStatus == 4 << 8)
      pass(gates.0)
      #expect(try await second.exit(of: "a").waitStatus == 9 << 8)
      second.containment.destroy("pod")
      _ = try await second.exit(of: "pod")
      #expect(!isAlive(launched.pid))
    }

    @Test func orphansWithinPodsAreDestroyed() async throws {
      let first = try Harness()
      let pod = try await first.launch(first.pod("pod")).get()
      let a = try await first.launch(first.nested("a", in: "pod", "exec sleep 600")).get()
      first.containment.stop()
      let second = try Harness(directory: first.directory)
      #expect(await second.destroyOrphans(keeping: []) == ["a", "pod"])
      for pid in [pod.pid, pod.supervisorPID, a.pid, a.supervisorPID] { #expect(!isAlive(pid)) }
    }

    @Test func aPodUsesWhatItsContainersUse() async throws {
      let harness = try Harness([PodIsolator([])])
      _ = try await harness.launch(harness.pod("pod")).get()
      _ = try await harness.launch(harness.nested("a", in: "pod", "exec sleep 600")).get()
      #expect(await harness.usage("pod") == ["processes": 2])
      #expect(await harness.usage("a") == ["processes": 1])
      harness.containment.destroy("pod")
      _ = try await harness.exit(of: "pod")
    }

    private func namespace(_ name: String, of process: String) -> String {
      var text = [CChar](repeating: 0, count: 64)
      let length = readlink("/proc/\(process)/ns/\(name)", &text, text.count)
      return String(decoding: text.prefix(max(length, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    @Test(.enabled(if: isRoot, "namespaces need root"))
    func containersOfAPodShareItsNamespaces() async throws {
      let harness = try Harness([PodIsolator([.namespaces([.ipc, .uts, .network, .pid])])])
      let pod = try await harness.launch(harness.pod("pod")).get()
      let a = try await harness.launch(harness.nested("a", in: "pod", "exec sleep 600")).get()
      var request = try harness.nested("b", in: "pod", "sleep 600 & exec sleep 600")
      request.sharesPIDs = true
      let b = try await harness.launch(request).get()
      for name in ["ipc", "uts", "net"] {
        let shared = namespace(name, of: "\(pod.pid)")
        #expect(shared != namespace(name, of: "self"))
        #expect(namespace(name, of: "\(a.pid)") == shared && namespace(name, of: "\(b.pid)") == shared)
      }
      #expect(namespace("pid", of: "\(a.pid)") == namespace("pid", of: "self"))
      #expect(namespace("pid", of: "\(b.pid)") == namespace("pid", of: "\(pod.pid)"))
      harness.containment.destroy("b")
      _ = try await harness.exit(of: "b")
      #expect(!isAlive(b.pid) && isAlive(pod.pid) && isAlive(a.pid))
      harness.containment.destroy("pod")
      _ = try await harness.exit(of: "pod")
      #expect(!isAlive(a.pid))
    }
  }
}
