import Containment
import Glibc
import ModuleHost
import Testing

extension Harness {
  /// A request to run a shell script beside a container's command.
  func visitor(_ id: String, of host: String, _ script: String) -> VisitorRequest {
    VisitorRequest(
      id: id, hostID: host, program: "/bin/sh", arguments: ["sh", "-c", script],
      environment: ["PATH": "/usr/bin:/bin", "NAME": id], stateDirectory: "\(stateRoot)/\(id)")
  }

  func launch(_ visitor: VisitorRequest) async -> Result<LaunchedContainer, LaunchFailure> {
    await withCheckedContinuation { done in containment.launch(visitor) { done.resume(returning: $0) } }
  }

  /// Runs a visitor to its end.
  func visit(_ id: String, of host: String, _ script: String) async throws -> ContainerExit {
    _ = try await launch(visitor(id, of: host, script)).get()
    return try await exit(of: id)
  }
}

extension ContainmentTests {
  /// Commands beside those of containers, without cgroups.
  @Suite struct VisitorTests {
    private func host(_ entries: [PlanEntry] = [], user: String? = nil) async throws -> Harness {
      let harness = try Harness([PlannedIsolator("a", entries)])
      _ = try await harness.launch(harness.request("host", "exec sleep 600", user: user)).get()
      return harness
    }

    private func destroy(_ harness: Harness) async throws {
      harness.containment.destroy("host")
      _ = try await harness.exit(of: "host")
    }

    @Test func aVisitorRunsInTheSandboxAndItsExitIsTold() async throws {
      let harness = try await host([.environment(name: "ISOLATOR", value: "a")])
      let exit = try await harness.visit(
        "v", of: "host", "echo out; echo err >&2; pwd; echo $NAME $ISOLATOR $GREETING; exit 7")
      #expect(exit == ContainerExit(waitStatus: 7 << 8, limitation: nil))
      #expect(harness.output(of: "host", "stderr") == "out\nerr\n\(harness.directory)/sandbox-host\nv a\n")
      #expect(harness.output(of: "host") == "" && harness.exitCount(of: "host") == 0)
      try await destroy(harness)
    }

    @Test func isolatorsAreNotAskedAboutVisitors() async throws {
      let steps = PlannedIsolator.Steps()
      let harness = try Harness([PlannedIsolator("a", steps: steps)])
      _ = try await harness.launch(harness.request("host", "exec sleep 600")).get()
      _ = try await harness.visit("v", of: "host", "exit 0")
      #expect(await harness.usage("host")["shared"] == 1)
      try await destroy(harness)
      #expect(steps.all == ["a prepare", "a isolate", "a cleanup"])
    }

    @Test func aVisitorThatHangsIsDestroyedWithAllThatItStarted() async throws {
      let harness = try await host()
      let visitor = try await harness.launch(
        harness.visitor("v", of: "host", "trap '' TERM; setsid sleep 600 & echo $!; while :; do sleep 1; done")
      ).get()
      let daemon = try await eventually("it writes") {
        Int32(harness.output(of: "host", "stderr").split(separator: "\n").first ?? "")
      }
      harness.containment.destroy("v")
      #expect(try await harness.exit(of: "v").waitStatus == SIGKILL)
      for pid in [visitor.pid, visitor.supervisorPID, daemon] { #expect(!isAlive(pid)) }
      #expect(harness.exitCount(of: "host") == 0)
      try await destroy(harness)
    }

    @Test func theEndOfTheHostEndsItsVisitorsFirst() async throws {
      let harness = try Harness()
      let request = try harness.request("host", "read -r _ < gate; exit 3")
      let gate = try harness.addGate(to: request)
      _ = try await harness.launch(request).get()
      let visitor = try await harness.launch(harness.visitor("v", of: "host", "exec sleep 600")).get()
      pass(gate)
      #expect(try await harness.exit(of: "host").waitStatus == 3 << 8)
      // It cannot be blamed for its end.
      #expect(harness.exitCount(of: "v") == 1 && harness.lastExit(of: "v")?.waitStatus == nil)
      #expect(!isAlive(visitor.pid) && !isAlive(visitor.supervisorPID))
    }

    @Test func nobodyVisitsWhatDoesNotRunOrVisitsItself() async throws {
      let harness = try await host()
      _ = try await harness.launch(harness.visitor("v", of: "host", "exec sleep 600")).get()
      for (id, host) in [("w", "nobody"), ("w", "v")] {
        let failure = LaunchFailure(step: .plan, message: "the container \(host) does not run")
        #expect(await harness.launch(harness.visitor(id, of: host, "exit 0")) == .failure(failure))
      }
      #expect(
        await harness.launch(harness.visitor("v", of: "host", "exit 0"))
          == .failure(LaunchFailure(step: .plan, message: "container v exists already")))
      try await destroy(harness)
    }

    @Test func aProgramThatIsMissingIsAFailure() async throws {
      let harness = try await host()
      var visitor = harness.visitor("v", of: "host", "")
      visitor.program = "no-such-program"
      guard case .failure(let failure) = await harness.launch(visitor) else {
        Issue.record("it was launched")
        return
      }
      #expect(failure.step == .execute)
      try await destroy(harness)
    }

    @Test func aVisitorHasNoMoreRightsThanItsHostAlsoAfterARestart() async throws {
      let first = try await host([.rlimit(name: "nofile", soft: 77, hard: 77), .noNewPrivileges])
      let rights = "ulimit -n; grep NoNewPrivs /proc/self/status"
      _ = try await first.visit("v", of: "host", rights)
      first.containment.stop()
      let second = try Harness(
        [PlannedIsolator("a", [.rlimit(name: "nofile", soft: 77, hard: 77), .noNewPrivileges])],
        directory: first.directory)
      #expect(await second.recover(try second.request("host", "exec sleep 600")) != nil)
      _ = try await second.visit("w", of: "host", rights)
      #expect(second.output(of: "host", "stderr") == "77\nNoNewPrivs:\t1\n77\nNoNewPrivs:\t1\n")
      try await destroy(second)
    }

    @Test(.enabled(if: isRoot && othersMayPassThroughRoot, "switching the user needs root, and a / open to all"))
    func aVisitorIsTheUserThatItsHostIs() async throws {
      let harness = try await host(user: "65534")
      _ = try await harness.visit("v", of: "host", "id -u")
      #expect(harness.output(of: "host", "stderr") == "65534\n")
      try await destroy(harness)
    }

    @Test func visitorsOfAnEarlierLifeAreOrphans() async throws {
      let first = try await host()
      let visitor = try await first.launch(first.visitor("v", of: "host", "exec sleep 600")).get()
      first.containment.stop()
      let second = try Harness(directory: first.directory)
      #expect(await second.destroyOrphans(keeping: ["host"]) == ["v"])
      #expect(!isAlive(visitor.pid) && !isAlive(visitor.supervisorPID))
      #expect(await second.recover(try second.request("host", "exec sleep 600")) != nil)
      try await destroy(second)
    }

    @Test(.enabled(if: isRoot && rootIsAMount, "namespaces need root and a / that is a mount"))
    func aVisitorSeesWhatItsHostSees() async throws {
      let harness = try Harness([
        PlannedIsolator(
          "a",
          [
            .namespaces([.mount, .pid, .ipc, .uts, .network, .cgroup]),
            .mount(.init(type: "tmpfs", source: "tmpfs", target: "/mnt", options: "", flags: [])),
            .mount(.init(type: "proc", source: "proc", target: "/proc", options: "", flags: [])),
          ])
      ])
      let namespaces = "for n in mnt pid ipc uts cgroup net; do readlink /proc/self/ns/$n; done"
      _ = try await harness.launch(
        harness.request("host", "echo secret > /mnt/file; \(namespaces); exec sleep 600")
      ).get()
      let seen = try await harness.lines(of: "host", 6)
      let exit = try await harness.visit(
        "v", of: "host", "\(namespaces); cat /mnt/file; setsid sleep 600 & exit 5")
      #expect(exit.waitStatus == 5 << 8)
      let told = harness.output(of: "host", "stderr").split(separator: "\n").map(String.init)
      #expect(told == seen + ["secret"])
      // What is the host's is left alone, what is the visitor's is gone.
      // A dead one may not have been reaped yet.
      _ = try await harness.visit("w", of: "host", "grep -L '^State:.Z' /proc/[0-9]*/status > processes 2> /dev/null")
      let processes = (read("\(harness.directory)/sandbox-host/processes") ?? "").split(separator: "\n")
      // The init, the host's command, and the shell, which looks for them before it starts grep.
      #expect(processes.count == 3, "\(processes)")

      var ours = harness.visitor("x", of: "host", "\(namespaces); exit 0")
      ours.joinsNetworkOnly = true
      _ = try await harness.launch(ours).get()
      #expect(try await harness.exit(of: "x").waitStatus == 0)
      let last = harness.output(of: "host", "stderr").split(separator: "\n").suffix(6).map(String.init)
      #expect(last.last == seen.last && zip(last, seen).dropLast().allSatisfy { $0 != $1 })
      try await destroy(harness)
    }

    @Test(.enabled(if: isRoot && rootIsAMount, "mounts need root and a / that is a mount"))
    func whatTheHostMountsLeadsNoOutputElsewhere() async throws {
      let harness = try Harness()
      let elsewhere = try Harness.makeDirectory()
      let mount = "mount --bind \(elsewhere) \(harness.directory)/sandbox-host"
      let request = try harness.request("host", "exec unshare -m sh -c '\(mount) && echo up; exec sleep 600'")
      _ = try await harness.launch(request).get()
      _ = try await harness.lines(of: "host", 1)
      #expect(try await harness.visit("v", of: "host", "echo told").waitStatus == 0)
      #expect(harness.output(of: "host", "stderr") == "told\n")
      #expect(access("\(elsewhere)/stderr", F_OK) != 0)
      try await destroy(harness)
    }

    @Test(.enabled(if: isRoot && system("unshare -r -m true 2>/dev/null") == 0, "needs user namespaces, and root"))
    func nobodyVisitsTheMountsOfAUserNamespace() async throws {
      let harness = try Harness()
      let request = try harness.request("host", "exec unshare -r -m sh -c 'echo up; exec sleep 600'")
      _ = try await harness.launch(request).get()
      _ = try await harness.lines(of: "host", 1)
      let failure = LaunchFailure(
        step: .namespaces,
        message: "the mounts are of a user namespace that the task has made: Operation not permitted")
      #expect(await harness.launch(harness.visitor("v", of: "host", "exit 0")) == .failure(failure))
      try await destroy(harness)
    }
  }
}
