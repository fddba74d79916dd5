import Containment
import Glibc
import ModuleHost
import Testing

extension ContainmentTests {
  /// Without cgroups: what holds a container's processes together is its supervisor.
  @Suite struct EndTests {
    /// Leaves four processes behind: in the background, in a session of its own, and two detached twice.
    private static let escapees = """
      sleep 600 & echo $!
      setsid sleep 600 & echo $!
      (setsid sh -c 'sleep 600 & echo $!; exec sleep 600' & echo $!) &
      while [ $(wc -l < stdout) -lt 4 ]; do sleep 0.01; done

      """

    private func expectGone(_ pids: [Int32]) async throws {
      for pid in pids { try await eventually("process \(pid) is gone") { isAlive(pid) ? nil : true } }
    }

    @Test func destroyKillsDaemonsToo() async throws {
      let harness = try Harness()
      let request = try harness.request("a", Self.escapees + "exec sleep 600")
      let launched = try await harness.launch(request).get()
      let pids = try await harness.lines(of: "a", 4).compactMap { Int32($0) }
      #expect(pids.count == 4 && pids.allSatisfy(isAlive))
      harness.containment.destroy("a")
      #expect(try await harness.exit(of: "a") == ContainerExit(waitStatus: SIGKILL, limitation: nil))
      #expect(!([launched.supervisorPID, launched.pid] + pids).contains(where: isAlive))
    }

    @Test func whatACommandLeavesBehindEndsWithIt() async throws {
      let harness = try Harness()
      let exit = try await harness.run("a", Self.escapees + "exit 7")
      #expect(exit.waitStatus == 7 << 8)
      let pids = try await harness.lines(of: "a", 4).compactMap { Int32($0) }
      #expect(pids.count == 4 && !pids.contains(where: isAlive))
    }

    /// The first process of a namespace of pids, which stores the status of the command.
    private func first(above launched: LaunchedContainer) throws -> Int32 {
      let status = try #require(read("/proc/\(launched.pid)/status"))
      let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("PPid:") })
      let first = try #require(Int32(line.split(separator: "\t")[1]))
      try #require(first != launched.supervisorPID)
      return first
    }

    @Test(.enabled(if: isRoot, "namespaces need root")) func statusIsTrueThoughWhoStoredItIsKilled() async throws {
      let harness = try Harness([PlannedIsolator("a", [.namespaces(.pid)])])
      let request = try harness.request("a", "exec sleep 600")
      let first = try first(above: try await harness.launch(request).get())
      // As it is between the writing of the record and its renaming.
      let path = "\(request.stateDirectory)/exit.pending"
      let record = Array("ended  \n00000000-0000-0000-0000-000000000000\n0000000768\n".utf8)
      let file = open(path, O_WRONLY)
      #expect(write(file, record, record.count) == 56)
      close(file)
      kill(first, SIGKILL)
      #expect(try await harness.exit(of: "a").waitStatus == 3 << 8)
    }

    @Test(.enabled(if: isRoot && rootIsAMount, "namespaces need root and a / that is a mount"))
    func statusIsTrueHoweverLateItIsStored() async throws {
      let harness = try Harness([PlannedIsolator("a", [.namespaces([.pid, .mount])])])
      let request = try harness.request("a", "read -r _ < gate; exit 3")
      let gate = try harness.addGate(to: request)
      let launched = try await harness.launch(request).get()
      let first = try first(above: launched)
      // As if its turn did not come.
      kill(first, SIGSTOP)
      pass(gate)
      try await eventually("the command has ended") { isAlive(launched.pid) ? nil : true }
      // Far beyond the time that it is given before what is left is killed.
      usleep(100_000)
      kill(first, SIGCONT)
      #expect(try await harness.exit(of: "a").waitStatus == 3 << 8)
    }

    @Test func aTreeThatKeepsForkingIsKilled() async throws {
      let harness = try Harness()
      let script = "echo up; while :; do (sleep 0.01; sleep 600 &) & sleep 0.002; done"
      let launched = try await harness.launch(harness.request("a", script)).get()
      _ = try await harness.lines(of: "a", 1)
      harness.containment.destroy("a")
      #expect(try await harness.exit(of: "a").waitStatus == SIGKILL)
      #expect(!isAlive(launched.supervisorPID))
    }

    @Test func signalReachesAllProcessesButTheSupervisor() async throws {
      let harness = try Harness()
      let script =
        "trap 'echo parent; exit 5' TERM; setsid sh -c 'trap \"echo child\" TERM; echo up; sleep 600 & wait' &"
        + " wait; wait"
      let launched = try await harness.launch(harness.request("a", script)).get()
      _ = try await harness.lines(of: "a", 1)
      harness.containment.signal("a", SIGTERM)
      #expect(try await harness.exit(of: "a").waitStatus == 5 << 8)
      #expect(harness.output(of: "a").contains("parent"))
      #expect(!isAlive(launched.supervisorPID))
    }

    @Test func exitIsToldOnceHoweverOftenDestroyIsAsked() async throws {
      let harness = try Harness()
      _ = try await harness.launch(harness.request("a", "exec sleep 600")).get()
      for _ in 0..<10 { harness.containment.destroy("a") }
      _ = try await harness.exit(of: "a")
      harness.containment.destroy("a")
      _ = try await harness.run("b", "exit 0")
      #expect(harness.exitCount(of: "a") == 1)
    }

    @Test func containersLeaveNoDescriptorsBehind() async throws {
      let harness = try Harness()
      func count() throws -> Int {
        var count = 0
        let directory = try #require(opendir("/proc/self/fd"))
        while readdir(directory) != nil { count += 1 }
        closedir(directory)
        return count
      }
      _ = try await harness.run("a", "exit 0")
      let before = try count()
      for _ in 0..<20 {
        _ = try await harness.run("a", "sleep 600 & exit 0")
        _ = await harness.launch(try harness.request("b", program: "/no/such/program", ["x"]))
      }
      // The last container's handles go when its exit has been told.
      try await eventually("all descriptors are closed") { try count() <= before ? true : nil }
    }

    @Test func destroyDuringTheLaunchFailsIt() async throws {
      let harness = try Harness()
      let request = try harness.request("a", "exec sleep 600")
      async let answer = harness.launch(request)
      // Whichever comes first, the container is gone in the end and told of once.
      harness.containment.destroy("a")
      if case .success = await answer {
        harness.containment.destroy("a")
        _ = try await harness.exit(of: "a")
      }
      #expect(try await harness.run("a", "exit 0").waitStatus != nil)
    }

    @Test func commandWhoseSupervisorIsKilledIsDestroyed() async throws {
      let harness = try Harness()
      let launched = try await harness.launch(harness.request("a", Self.escapees + "exec sleep 600")).get()
      let pids = try await harness.lines(of: "a", 4).compactMap { Int32($0) }
      kill(launched.supervisorPID, SIGKILL)
      #expect(try await harness.exit(of: "a") == ContainerExit(waitStatus: nil, limitation: nil))
      try await expectGone([launched.pid] + pids)
    }
  }
}
