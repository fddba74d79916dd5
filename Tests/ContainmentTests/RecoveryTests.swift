import Containment
import Glibc
import ModuleHost
import Testing

extension ContainmentTests {
  @Suite struct RecoveryTests {
    @Test func successorTakesOverARunningContainer() async throws {
      let first = try Harness()
      let request = try first.request("a", "read -r _ < gate; exit 9")
      let gate = try first.addGate(to: request)
      let launched = try await first.launch(request).get()
      first.containment.stop()

      let second = try Harness(directory: first.directory)
      #expect(await second.recover(request) == launched)
      pass(gate)
      #expect(try await second.exit(of: "a").waitStatus == 9 << 8)
      #expect(first.exitCount(of: "a") == 0 && second.exitCount(of: "a") == 1)
    }

    @Test func exitWhileNobodyWatchedIsFoundInTheState() async throws {
      let first = try Harness()
      let request = try first.request("a", "read -r _ < gate; exit 9")
      let gate = try first.addGate(to: request)
      let launched = try await first.launch(request).get()
      first.containment.stop()
      pass(gate)
      try await eventually("the supervisor ends") { isAlive(launched.supervisorPID) ? nil : true }

      let second = try Harness(directory: first.directory)
      #expect(await second.recover(request) == nil)
      #expect(try await second.exit(of: "a") == ContainerExit(waitStatus: 9 << 8, limitation: nil))
    }

    @Test func containerThatNobodySawEndHasNoStatus() async throws {
      let first = try Harness()
      let request = try first.request("a", "exec sleep 600")
      let launched = try await first.launch(request).get()
      first.containment.stop()
      kill(launched.supervisorPID, SIGKILL)
      try await eventually("the supervisor is dead") { isAlive(launched.supervisorPID) ? nil : true }

      let second = try Harness(directory: first.directory)
      #expect(await second.recover(request) == nil)
      #expect(try await second.exit(of: "a") == ContainerExit(waitStatus: nil, limitation: nil))
      #expect(!isAlive(launched.pid))
    }

    @Test func containerThatWasNeverLaunchedHasNoStatus() async throws {
      let harness = try Harness()
      #expect(await harness.recover(try harness.request("a", "exit 0")) == nil)
      #expect(try await harness.exit(of: "a") == ContainerExit(waitStatus: nil, limitation: nil))
    }

    @Test(arguments: [
      ("exit.pending", "ended  \n00000000-0000-0000-0000-000000000000\n0000002304\n", 2304 as Int32?),
      ("exit.pending", "running\n00000000-0000-0000-0000-000000000000\n          \n", nil),
      ("exit", "not run\n00000000-0000-0000-0000-000000000000\n          \n", nil),
      ("exit", "ended  \n00000000-0000-0000-0000-000000000000\n00000023", nil), ("exit", "", nil),
    ])
    func statusIsBelievedOnlyFromAWholeRecord(file: String, content: String, status: Int32?) async throws {
      let harness = try Harness()
      let request = try harness.request("a", "exit 0")
      try #require(mkdir(harness.stateRoot, 0o755) == 0 && mkdir(request.stateDirectory, 0o755) == 0)
      try write(content, to: "\(request.stateDirectory)/\(file)")
      #expect(await harness.recover(request) == nil)
      #expect(try await harness.exit(of: "a").waitStatus == status)
    }

    @Test func processThatOnlyHasTheSamePidIsLeftAlone() async throws {
      let harness = try Harness()
      let request = try harness.request("a", "exit 0")
      let bootID = try #require(read("/proc/sys/kernel/random/boot_id"))
      try #require(mkdir(harness.stateRoot, 0o755) == 0 && mkdir(request.stateDirectory, 0o755) == 0)
      // This very process, but with another start time.
      try write(
        "tepui-launch 1\nboot \(bootID)supervisor \(getpid()) 1\ncommand \(getpid()) 1\n",
        to: "\(request.stateDirectory)/launch")
      #expect(await harness.recover(request) == nil)
      #expect(try await harness.exit(of: "a").waitStatus == nil)
    }

    @Test func orphansAreDestroyedAndTheOthersKept() async throws {
      let first = try Harness()
      let kept = try await first.launch(first.request("kept", "exec sleep 600")).get()
      let orphan = try await first.launch(first.request("orphan", "setsid sleep 600 & exec sleep 600")).get()
      first.containment.stop()

      let second = try Harness(directory: first.directory)
      #expect(await second.destroyOrphans(keeping: ["kept"]) == ["orphan"])
      #expect(!isAlive(orphan.pid) && !isAlive(orphan.supervisorPID) && isAlive(kept.pid))
      #expect(access("\(first.stateRoot)/orphan", F_OK) != 0)
      #expect(await second.recover(try first.request("kept", "exec sleep 600")) == kept)
      second.containment.destroy("kept")
      _ = try await second.exit(of: "kept")
      #expect(second.exitCount(of: "orphan") == 0)
    }

    private func write(_ text: String, to path: String) throws {
      let file = try #require(fopen(path, "w"))
      fputs(text, file)
      fclose(file)
    }
  }
}
