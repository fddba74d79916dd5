import Containment
import Glibc
import ModuleHost
import Testing

extension ContainmentTests {
  @Suite struct IsolatorTests {
    @Test func plansOfAllIsolatorsReachTheCommand() async throws {
      let harness = try Harness([
        PlannedIsolator(
          "a", [.environment(name: "COLOUR", value: "red"), .environment(name: "GREETING", value: "no")]),
        PlannedIsolator("b", [.rlimit(name: "nofile", soft: 17, hard: 19)]),
      ])
      _ = try await harness.run("c", "echo $COLOUR $GREETING; ulimit -Sn; ulimit -Hn")
      // What the framework sets wins over what an isolator sets.
      #expect(harness.output(of: "c") == "red hello\n17\n19\n")
    }

    @Test func lifecycleStepsComeInOrderAndCleanUpInReverse() async throws {
      let steps = PlannedIsolator.Steps()
      let harness = try Harness([PlannedIsolator("a", steps: steps), PlannedIsolator("b", steps: steps)])
      _ = try await harness.run("c", "exit 0")
      #expect(steps.all == ["a prepare", "b prepare", "a isolate", "b isolate", "b cleanup", "a cleanup"])
    }

    @Test(arguments: [LifecycleStep.prepare, .isolate])
    func failingStepFailsTheLaunchBeforeTheCommandRuns(step: LifecycleStep) async throws {
      let steps = PlannedIsolator.Steps()
      let harness = try Harness([PlannedIsolator("a", failing: step, steps: steps), PlannedIsolator("b", steps: steps)])
      let request = try harness.request("c", "touch ran")
      let result = await harness.launch(request)
      #expect(
        result
          == .failure(
            LaunchFailure(step: step == .prepare ? .prepare : .isolate, message: "isolator a: no \(step) today")))
      #expect(access("\(request.description.sandbox)/ran", F_OK) != 0)
      #expect(steps.all.count { $0 == "a cleanup" } == 1)
      #expect(steps.all.contains("b prepare") == steps.all.contains("b cleanup"))
      #expect(harness.exitCount(of: "c") == 0)
    }

    @Test func successorTellsIsolatorsOfWhatItTakesOver() async throws {
      let first = try Harness()
      let request = try first.request("c", "exec sleep 600")
      _ = try await first.launch(request).get()
      first.containment.stop()
      let steps = PlannedIsolator.Steps()
      let second = try Harness([PlannedIsolator("a", steps: steps)], directory: first.directory)
      _ = await second.recover(request)
      second.containment.destroy("c")
      _ = try await second.exit(of: "c")
      #expect(steps.all == ["a recover", "a cleanup"])
    }

    @Test func usageOfAllIsolatorsIsPutTogether() async throws {
      let harness = try Harness([PlannedIsolator("a"), PlannedIsolator("b")])
      let launched = try await harness.launch(harness.request("c", "exec sleep 600")).get()
      let pid = Double(launched.pid)
      #expect(await harness.usage("c") == ["a_pid": pid, "b_pid": pid, "shared": 1])
      #expect(await harness.usage("nobody") == [:])
      harness.containment.destroy("c")
      _ = try await harness.exit(of: "c")
    }

    @Test func isolatorsThatClaimOneFieldAreRefusedAtTheStart() throws {
      let limit = PlanEntry.rlimit(name: "core", soft: 0, hard: 0)
      #expect(
        throws: ContainmentFailure(
          message: "isolators a and b both set the resource limit core; activate only one of them in --isolation")
      ) { try Harness([PlannedIsolator("a", [limit]), PlannedIsolator("b", [limit])]) }
    }

    @Test func isolatorThatIsActiveTwiceIsRefusedAtTheStart() throws {
      #expect(throws: ContainmentFailure(message: "isolator a is active twice; name it once in --isolation")) {
        try Harness([PlannedIsolator("a"), PlannedIsolator("a")])
      }
    }

    @Test func missingSupervisorIsNamedAtTheStart() throws {
      let error = #expect(throws: ContainmentFailure.self) {
        try Containment(.init(supervisor: "/no/supervisor", stateRoot: nil), isolators: [], exited: { _, _ in })
      }
      #expect(error?.message.contains("/no/supervisor: No such file or directory") == true)
    }

    @Test func runningContainersAreNotGivenWhatOnlyALaunchCanGive() async throws {
      let harness = try Harness([PlannedIsolator("a", [.environment(name: "COLOUR", value: "red")])])
      _ = try await harness.launch(harness.request("c", "exec sleep 600")).get()
      let failure = await harness.update("c", requests: [.init(name: "cpus", value: 1)])
      #expect(failure?.message == "isolator a: a running container's environment cannot be changed")
      harness.containment.destroy("c")
      _ = try await harness.exit(of: "c")
    }
  }

  @Suite(.enabled(if: isRoot, "namespaces need root")) struct NamespaceTests {
    private func mount(
      _ type: String, _ source: String, _ target: String, readOnly: Bool = false, bind: Bool = false
    ) -> PlanEntry {
      .mount(
        .init(
          type: type, source: source, target: target,
          flags: PlanEntry.Mount.Flags(readOnly ? [.readOnly] : []).union(bind ? [.bind] : [])))
    }

    @Test(.enabled(if: rootIsAMount, "needs a / that is a mount, which that of a chroot is not"))
    func commandOfAPidNamespaceSeesOnlyItsOwnAndItsStatusIsTold() async throws {
      let harness = try Harness([
        PlannedIsolator("a", [.namespaces([.pid, .mount]), mount("proc", "proc", "/proc")])
      ])
      let exit = try await harness.run("c", "echo $$; ls /proc | grep -c '^[0-9]'; exit 11")
      #expect(exit.waitStatus == 11 << 8)
      let lines = harness.output(of: "c").split(separator: "\n").compactMap { Int($0) }
      // Its first process is the init of the namespace; then the shell, ls and grep.
      #expect(lines.first == 2)
      #expect(lines.last.map { $0 <= 4 } == true)
    }

    @Test func signalsReachTheCommandOfAPidNamespace() async throws {
      let harness = try Harness([PlannedIsolator("a", [.namespaces(.pid)])])
      let launched = try await harness.launch(harness.request("c", "echo up; exec sleep 600")).get()
      _ = try await harness.lines(of: "c", 1)
      // The pid is the one that this side sees.
      kill(launched.pid, SIGTERM)
      #expect(try await harness.exit(of: "c").waitStatus == SIGTERM)
    }

    @Test func destroyEndsAPidNamespace() async throws {
      let harness = try Harness([PlannedIsolator("a", [.namespaces(.pid)])])
      let launched = try await harness.launch(harness.request("c", "setsid sleep 600 & exec sleep 600")).get()
      harness.containment.destroy("c")
      #expect(try await harness.exit(of: "c").waitStatus == SIGKILL)
      #expect(!isAlive(launched.pid) && !isAlive(launched.supervisorPID))
    }

    @Test(.enabled(if: rootIsAMount, "needs a / that is a mount, which that of a chroot is not"))
    func mountsAreSeenInsideOnly() async throws {
      let directory = try Harness.makeDirectory()
      let sandbox = "\(directory)/sandbox-c"
      let harness = try Harness(
        [
          PlannedIsolator(
            "a",
            [
              .namespaces(.mount), mount("tmpfs", "tmpfs", "\(sandbox)/scratch/deep"),
              mount("", "/usr", "\(sandbox)/usr", readOnly: true, bind: true),
            ])
        ], directory: directory)
      let exit = try await harness.run(
        "c", "touch scratch/deep/file && ls usr/bin/env && touch usr/file; ls scratch/deep")
      #expect(exit.waitStatus == 0)
      #expect(harness.output(of: "c") == "usr/bin/env\nfile\n")
      #expect(harness.output(of: "c", "stderr").contains("Read-only file system"))
      #expect(access("\(sandbox)/scratch/deep/file", F_OK) != 0)
    }

    @Test func mountInTheSandboxFollowsNoLink() async throws {
      let directory = try Harness.makeDirectory()
      let sandbox = "\(directory)/sandbox-c"
      let harness = try Harness(
        [PlannedIsolator("a", [.namespaces(.mount), mount("tmpfs", "tmpfs", "\(sandbox)/trap/x")])],
        directory: directory)
      let request = try harness.request("c", "exit 0")
      try #require(symlink("/etc", "\(sandbox)/trap") == 0)
      guard case .failure(let failure) = await harness.launch(request) else {
        Issue.record("the launch succeeded")
        return
      }
      #expect(failure.step == .mount)
      #expect(access("/etc/x", F_OK) != 0)
    }
  }
}
