import Containment
import Glibc
import ModuleHost
import Testing

/// Commands beside those of containers are held by the limits of those.
extension ContainmentTests.LimitTests {
  @Test func aVisitorLivesInTheGroupOfItsHost() async throws {
    let harness = try Enforcement.harness()
    _ = try await harness.launch(request(harness, "a", "exec sleep 600")).get()
    #expect(try await harness.visit("v", of: "a", "cat /proc/self/cgroup").waitStatus == 0)
    #expect(harness.output(of: "a", "stderr").hasSuffix("/a/leaf/v/leaf\n"))
    #expect(isGone("a/leaf/v") && !isGone("a"))
    harness.containment.destroy("a")
    _ = try await harness.exit(of: "a")
    #expect(isGone("a"))
  }

  @Test func aVisitorSeesTheGroupsThatItsHostSees() async throws {
    let harness = try Enforcement.harness(extra: [.namespaces(.cgroup)])
    _ = try await harness.launch(request(harness, "a", "cat /proc/self/cgroup; exec sleep 600")).get()
    #expect(try await harness.lines(of: "a", 1) == ["0::/"])
    #expect(try await harness.visit("v", of: "a", "cat /proc/self/cgroup").waitStatus == 0)
    #expect(harness.output(of: "a", "stderr") == "0::/v/leaf\n")
    harness.containment.destroy("a")
    _ = try await harness.exit(of: "a")
  }

  @Test func aVisitorThatHangsLeavesNoProcessAndNoGroup() async throws {
    let harness = try Enforcement.harness()
    let host = try await harness.launch(request(harness, "a", "exec sleep 600")).get()
    for _ in 0..<3 {
      let earlier = harness.exitCount(of: "v")
      let script = "for i in 1 2 3; do setsid sh -c 'trap \"\" TERM; while :; do sleep 600; done' & done; sleep 600"
      _ = try await harness.launch(harness.visitor("v", of: "a", script)).get()
      harness.containment.destroy("v")
      _ = try await harness.exit(of: "v", after: earlier)
      #expect(isGone("a/leaf/v"))
      #expect(read("\(group("a"))/leaf/cgroup.procs") == "\(host.pid)\n")
    }
    harness.containment.destroy("a")
    _ = try await harness.exit(of: "a")
  }

  @Test func memoryOfAVisitorIsItsHosts() async throws {
    let harness = try Enforcement.harness()
    _ = try await harness.launch(request(harness, "a", "exec sleep 600")).get()
    _ = try await harness.launch(harness.visitor("v", of: "a", Self.hog)).get()
    #expect(try await harness.exit(of: "a").limitation?.kind == .memory)
    #expect(harness.exitCount(of: "v") == 1 && isGone("a"))
  }

  @Test func visitorsAreFoundInTheirGroupsAfterARestart() async throws {
    let first = try Enforcement.harness()
    let pod = try first.pod("pod")
    let nested = try first.nested("n", in: "pod", "exec sleep 600", sharesLimits: false)
    _ = try await first.launch(pod).get()
    _ = try await first.launch(nested).get()
    let visitor = try await first.launch(first.visitor("v", of: "n", "exec sleep 600")).get()
    first.containment.stop()
    // Its group is all that tells of it.
    kill(visitor.supervisorPID, SIGKILL)
    let second = try Enforcement.harness(directory: first.directory)
    #expect(await second.destroyOrphans(keeping: ["pod", "n"]) == ["v"])
    #expect(!isAlive(visitor.pid) && isGone("pod/n/leaf/v"))
    #expect(await second.recover(pod) != nil)
    #expect(await second.recover(nested) != nil)
    second.containment.destroy("pod")
    _ = try await second.exit(of: "pod")
  }
}
