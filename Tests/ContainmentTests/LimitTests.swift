import Containment
import Glibc
import Logging
import ModuleHost
import Testing

/// The kernel's limits, through the cgroups module as an agent loads it.
enum Enforcement {
  /// nil where the kernel cannot enforce what the module needs.
  static let root: CgroupRoot? = {
    guard isRoot, let root = try? CgroupRoot.discover(named: "tepui-test-\(getpid())"), root.missing() == nil else {
      return nil
    }
    return root
  }()

  /// - Parameter extra: what is planned for containers beside their limits.
  static func harness(
    parameters: String = "{}", extra: [PlanEntry] = [], directory: String? = nil,
    cgroupFiles: (@Sendable () -> any CgroupFiles)? = nil
  ) throws -> Harness {
    let root = try #require(root)
    let module = #"{"name": "org.tepui.cgroups", "parameters": \#(parameters)}"#
    let host = try ModuleHost(
      product: "tepui-test", version: "0", directory: Harness.products,
      configuration: #"{"libraries": [{"name": "cgroups", "modules": [\#(module)]}]}"#,
      logger: Logger(label: "test"))
    let node = NodeDescription(cpus: 1000, memoryBytes: 1 << 31, controllers: root.controllers.sorted())
    let others = extra.isEmpty ? [] : [PlannedIsolator("extra", extra)]
    return try Harness(
      try host.loadIsolators(named: ["cgroups"], node: node) + others, directory: directory, cgroups: root,
      cgroupFiles: cgroupFiles)
  }
}

extension ContainmentTests {
  @Suite(
    .enabled(
      if: Enforcement.root != nil,
      "needs root and cgroup2 with cpu, memory and pids; GuestTests runs these tests in a guest kernel"))
  struct LimitTests {
    /// Fills memory: of a pipe tail keeps all that it may have to print.
    static let hog = "cat /dev/zero | tail -c 500000000 > /dev/null"
    /// The command itself does.
    static let ownHog = "mkfifo zero; cat /dev/zero > zero & exec tail -c 500000000 zero > /dev/null"

    func request(_ harness: Harness, _ id: String, _ script: String, cpus: Int64 = 1000, mem: Int64 = 64)
      throws -> LaunchRequest
    {
      var request = try harness.request(id, script)
      request.description.requests = [.init(name: "cpus", value: cpus), .init(name: "mem", value: mem * 1000)]
      return request
    }

    func group(_ id: String) -> String { "\(Enforcement.root?.path ?? "")/\(id)" }

    func number(_ id: String, _ file: String, _ key: String? = nil) -> Int? {
      for line in (read("\(group(id))/\(file)") ?? "").split(separator: "\n") {
        let words = line.split(separator: " ")
        if key == nil || words.first.map(String.init) == key { return words.last.flatMap { Int($0) } }
      }
      return nil
    }

    func isGone(_ id: String) -> Bool { access(group(id), F_OK) != 0 }

    @Test func commandIsBornInItsGroup() async throws {
      let harness = try Enforcement.harness()
      let launched = try await harness.launch(request(harness, "a", "cat /proc/self/cgroup; exec sleep 600")).get()
      let lines = try await harness.lines(of: "a", 1)
      #expect(lines.first?.hasSuffix("/a/leaf") == true)
      #expect(read("/proc/\(launched.supervisorPID)/cgroup")?.hasSuffix("/a/supervisor\n") == true)
      harness.containment.destroy("a")
      #expect(try await harness.exit(of: "a") == ContainerExit(waitStatus: SIGKILL, limitation: nil))
      #expect(isGone("a"))
    }

    @Test func memoryLimitEndsTheContainerAndTellsLimitAndPeak() async throws {
      let harness = try Enforcement.harness()
      _ = try await harness.launch(request(harness, "a", Self.hog)).get()
      let exit = try await harness.exit(of: "a")
      let limitation = try #require(exit.limitation)
      #expect(exit.waitStatus == SIGKILL)
      #expect(limitation.kind == .memory)
      #expect(limitation.resource == .init(name: "mem", value: 64_000))
      #expect(limitation.message.hasPrefix("Memory limit exceeded: Requested: 64MB Maximum Used: 64MB ("))
      #expect(limitation.message.contains("memory.max 67108864, memory.peak 67"))
      #expect(isGone("a"))
    }

    @Test func memoryLimitOfADescendantEndsTheContainerToo() async throws {
      let harness = try Enforcement.harness(parameters: #"{"memory_oom_group": false}"#)
      _ = try await harness.launch(request(harness, "a", Self.hog + "; exec sleep 600")).get()
      #expect(try await harness.exit(of: "a").limitation?.kind == .memory)
    }

    @Test func commandThatIsContentWithItsMemoryHasNoLimitation() async throws {
      let harness = try Enforcement.harness()
      _ = try await harness.launch(request(harness, "a", "head -c 20000000 /dev/zero | tail -c 20000000 | wc -c")).get()
      #expect(try await harness.exit(of: "a") == ContainerExit(waitStatus: 0, limitation: nil))
      #expect(harness.output(of: "a") == "20000000\n")
    }

    @Test func forkBombIsHeldAndDestroyed() async throws {
      let harness = try Enforcement.harness(parameters: #"{"pids_max": "40"}"#)
      // Every process starts two more; what cannot be started is what the limit is for.
      let bomb = "f() { f | f & }; echo up; f 2>/dev/null; exec sleep 600"
      _ = try await harness.launch(request(harness, "a", bomb)).get()
      try await eventually("the bomb meets its limit") { (number("a", "pids.events", "max") ?? 0) > 10 ? true : nil }
      #expect(number("a", "pids.current").map { $0 <= 40 } == true)
      // The machine is as usable as before.
      #expect(try await harness.run("b", "exit 4").waitStatus == 4 << 8)
      harness.containment.destroy("a")
      _ = try await harness.exit(of: "a")
      #expect(isGone("a"))
    }

    @Test func killedSupervisorLeavesNoProcessAndNoGroup() async throws {
      let harness = try Enforcement.harness()
      let script = "setsid sh -c 'sleep 600 & sleep 600' & setsid sleep 600 & echo up; exec sleep 600"
      let launched = try await harness.launch(request(harness, "a", script)).get()
      _ = try await harness.lines(of: "a", 1)
      let processes = (read("\(group("a"))/leaf/cgroup.procs") ?? "").split(separator: "\n").compactMap { Int32($0) }
      #expect(processes.contains(launched.pid))
      kill(launched.supervisorPID, SIGKILL)
      _ = try await harness.exit(of: "a")
      #expect(isGone("a"))
      #expect(!processes.contains(where: isAlive))
    }

    @Test func killedCommandTakesItsDaemonsAlongAndItsStatusIsTold() async throws {
      let harness = try Enforcement.harness()
      let launched = try await harness.launch(request(harness, "a", "setsid sleep 600 & echo $!; exec sleep 600")).get()
      let daemon = try #require(Int32(try await harness.lines(of: "a", 1)[0]))
      kill(launched.pid, SIGKILL)
      #expect(try await harness.exit(of: "a") == ContainerExit(waitStatus: SIGKILL, limitation: nil))
      #expect(!isAlive(daemon) && isGone("a"))
    }

    @Test func groupsThatACommandMadeAreRemovedWithItsOwn() async throws {
      let harness = try Enforcement.harness()
      let script = "mkdir -p \(group("a"))/leaf/own/deep; echo $$ > \(group("a"))/leaf/own/cgroup.procs; exec sleep 600"
      _ = try await harness.launch(request(harness, "a", script)).get()
      try await eventually("the command moved") {
        read("\(group("a"))/leaf/own/cgroup.procs")?.isEmpty == false ? true : nil
      }
      harness.containment.destroy("a")
      _ = try await harness.exit(of: "a")
      #expect(isGone("a"))
    }

    @Test func successorTakesOverLimitsAndOrphans() async throws {
      let first = try Enforcement.harness()
      let kept = try request(first, "kept", "read -r _ < gate; " + Self.hog)
      let gate = try first.addGate(to: kept)
      let launched = try await first.launch(kept).get()
      _ = try await first.launch(request(first, "orphan", "setsid sleep 600 & exec sleep 600")).get()
      first.containment.stop()

      let second = try Enforcement.harness(directory: first.directory)
      #expect(await second.recover(kept) == launched)
      #expect(await second.destroyOrphans(keeping: ["kept"]) == ["orphan"])
      #expect(isGone("orphan") && !isGone("kept"))
      pass(gate)
      #expect(try await second.exit(of: "kept").limitation?.kind == .memory)
      #expect(isGone("kept"))
    }

    @Test func limitsFollowAnUpdateButNeverBelowWhatIsInUse() async throws {
      let harness = try Enforcement.harness()
      // Never comes to its end, and keeps this much meanwhile.
      _ = try await harness.launch(request(harness, "a", "cat /dev/zero | tail -c 40000000", mem: 128)).get()
      try await eventually("memory is in use") { (number("a", "memory.current") ?? 0) > 38_000_000 ? true : nil }

      #expect(await harness.update("a", requests: [.init(name: "mem", value: 256_000)]) == nil)
      #expect(number("a", "memory.max") == 256 << 20)
      let failure = await harness.update("a", requests: [.init(name: "mem", value: 32_000)])
      #expect(failure?.message.hasPrefix("memory.max of container a stays 268435456: ") == true)
      #expect(number("a", "memory.max") == 256 << 20)
      #expect(number("a", "memory.low") == 32 << 20)
      harness.containment.destroy("a")
      #expect(try await harness.exit(of: "a").limitation == nil)
    }

    @Test(.enabled(if: getenv("GUEST") != nil, "mounts a file system, which is for a guest only"))
    func exitStatusIsKeptOnAFullDisk() async throws {
      let harness = try Enforcement.harness()
      let request = try request(harness, "a", "read -r _ < gate; exit 6")
      let gate = try harness.addGate(to: request)
      let filling =
        "mkdir -p '\(harness.stateRoot)' && mount -t tmpfs -o size=64k tmpfs '\(harness.stateRoot)'"
      #expect(system(filling) == 0)
      defer { _ = system("umount -l '\(harness.stateRoot)'") }
      _ = try await harness.launch(request).get()
      #expect(system("dd if=/dev/zero of='\(harness.stateRoot)/filler' 2>/dev/null") != 0)
      pass(gate)
      #expect(try await harness.exit(of: "a").waitStatus == 6 << 8)
    }

    @Test func usageComesFromTheGroup() async throws {
      let harness = try Enforcement.harness()
      _ = try await harness.launch(request(harness, "a", "echo up; exec sleep 600")).get()
      _ = try await harness.lines(of: "a", 1)
      let usage = await harness.usage("a")
      #expect(usage["mem_total_bytes"].map { $0 > 0 && $0 < Double(64 << 20) } == true)
      #expect(usage["cpus_limit"] == 1)
      harness.containment.destroy("a")
      _ = try await harness.exit(of: "a")
    }
  }
}
