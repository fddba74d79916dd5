import Containment
import Glibc
import ModuleHost
import Testing

extension ContainmentTests {
  /// Limits of a pod and of the containers within it.
  @Suite(
    .enabled(
      if: Enforcement.root != nil,
      "needs root and cgroup2 with cpu, memory and pids; GuestTests runs these tests in a guest kernel"))
  struct PodLimitTests {
    /// Fills memory: of a pipe tail keeps all that it may have to print.
    private static let hog = "cat /dev/zero | tail -c 500000000 > /dev/null"

    private func path(_ group: String) -> String { "\(Enforcement.root?.path ?? "")/\(group)" }

    private func launchPod(_ harness: Harness, mem: Int64) async throws {
      var request = try harness.pod("pod")
      request.description.requests = [.init(name: "cpus", value: 1000), .init(name: "mem", value: mem * 1000)]
      _ = try await harness.launch(request).get()
    }

    private func launch(
      _ harness: Harness, _ id: String, _ script: String, sharesLimits: Bool, mem: Int64 = 40
    ) async throws -> LaunchedContainer {
      var request = try harness.nested(id, in: "pod", script, sharesLimits: sharesLimits)
      request.description.requests = [.init(name: "cpus", value: 500), .init(name: "mem", value: mem * 1000)]
      return try await harness.launch(request).get()
    }

    @Test func groupsLieWithinThatOfThePod() async throws {
      let harness = try Enforcement.harness()
      try await launchPod(harness, mem: 64)
      let a = try await launch(harness, "a", "cat /proc/self/cgroup; exec sleep 600", sharesLimits: true)
      #expect(try await harness.lines(of: "a", 1)[0].hasSuffix("/pod/a/leaf"))
      #expect(read("/proc/\(a.supervisorPID)/cgroup")?.hasSuffix("/pod/a/supervisor\n") == true)
      // It is held by the pod's limits alone.
      #expect(access(path("pod/a/memory.max"), F_OK) != 0)
      #expect(read(path("pod/memory.max")) == "\(64 << 20)\n")
      harness.containment.destroy("pod")
      _ = try await harness.exit(of: "pod")
      #expect(access(path("pod"), F_OK) != 0)
    }

    @Test func limitOfThePodIsToldOfAllWithinIt() async throws {
      let harness = try Enforcement.harness()
      try await launchPod(harness, mem: 64)
      _ = try await launch(harness, "quiet", "exec sleep 600", sharesLimits: true)
      _ = try await launch(harness, "hog", Self.hog, sharesLimits: true)
      for id in ["hog", "quiet", "pod"] {
        let exit = try await harness.exit(of: id)
        #expect(exit.limitation?.kind == .memory, "\(id)")
        #expect(exit.limitation?.resource == .init(name: "mem", value: 64_000), "\(id)")
      }
      #expect(access(path("pod"), F_OK) != 0)
    }

    @Test func limitOfOneIsToldOfThatOneOnly() async throws {
      let harness = try Enforcement.harness()
      try await launchPod(harness, mem: 256)
      let quiet = try await launch(harness, "quiet", "exec sleep 600", sharesLimits: false)
      _ = try await launch(harness, "hog", Self.hog, sharesLimits: false)
      #expect(read(path("pod/quiet/memory.max")) == "\(40 << 20)\n")
      #expect(read(path("pod/quiet/cpu.max")) == "50000 100000\n")
      let exit = try await harness.exit(of: "hog")
      #expect(exit.limitation?.resource == .init(name: "mem", value: 40_000))
      // The kernel has counted the kill in the pod's group too, and the next one may come and go.
      _ = try await launch(harness, "next", "exit 5", sharesLimits: false)
      #expect(try await harness.exit(of: "next") == ContainerExit(waitStatus: 5 << 8, limitation: nil))
      #expect(isAlive(quiet.pid) && harness.exitCount(of: "pod") == 0)
      harness.containment.destroy("pod")
      #expect(try await harness.exit(of: "quiet").limitation == nil)
      #expect(try await harness.exit(of: "pod").limitation == nil)
    }

    @Test func limitOfThePodAboveThoseOfItsTasksIsToldAsThePods() async throws {
      let harness = try Enforcement.harness()
      try await launchPod(harness, mem: 64)
      _ = try await launch(harness, "quiet", "exec sleep 600", sharesLimits: false)
      _ = try await launch(harness, "hog", Self.hog, sharesLimits: false, mem: 512)
      for id in ["hog", "quiet", "pod"] {
        #expect(try await harness.exit(of: id).limitation?.resource == .init(name: "mem", value: 64_000), "\(id)")
      }
    }

    @Test func successorTakesOverLimitsWithinAPod() async throws {
      let first = try Enforcement.harness()
      try await launchPod(first, mem: 256)
      var request = try first.nested("hog", in: "pod", "read -r _ < gate; " + Self.hog, sharesLimits: false)
      request.description.requests = [.init(name: "cpus", value: 500), .init(name: "mem", value: 40_000)]
      let gate = try first.addGate(to: request)
      _ = try await first.launch(request).get()
      first.containment.stop()

      let second = try Enforcement.harness(directory: first.directory)
      #expect(await second.recover(try first.pod("pod")) != nil)
      #expect(await second.recover(request) != nil)
      pass(gate)
      #expect(try await second.exit(of: "hog").limitation?.resource == .init(name: "mem", value: 40_000))
      #expect(second.exitCount(of: "pod") == 0)
      second.containment.destroy("pod")
      #expect(try await second.exit(of: "pod").limitation == nil)
      #expect(access(path("pod"), F_OK) != 0)
    }

    @Test func orphansWithinPodsAreDestroyed() async throws {
      let first = try Enforcement.harness()
      try await launchPod(first, mem: 64)
      let a = try await launch(first, "a", "exec sleep 600", sharesLimits: true)
      first.containment.stop()
      let second = try Enforcement.harness(directory: first.directory)
      #expect(await second.destroyOrphans(keeping: []) == ["a", "pod"])
      #expect(!isAlive(a.pid) && access(path("pod"), F_OK) != 0)
    }
  }
}
