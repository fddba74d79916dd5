import Containment
import Glibc
import Testing

/// Which limit it was, and whose.
extension ContainmentTests.LimitTests {
  @Test func memoryLimitIsToldInEveryRunWhoeverTheVictimIs() async throws {
    let harness = try Enforcement.harness(parameters: #"{"memory_oom_group": false}"#)
    let groupHarness = try Enforcement.harness(directory: harness.directory)
    let scripts = [
      Self.ownHog, Self.hog, "\(Self.hog); exit 0", "(\(Self.hog)) & wait; exit 0",
      "setsid sh -c '\(Self.hog)' & exec sleep 600",
    ]
    var missed: [Int] = []
    for turn in 0..<100 {
      let harness = turn % 2 == 0 ? harness : groupHarness
      let (id, script) = ("a\(turn)", scripts[turn % scripts.count])
      _ = try await harness.launch(request(harness, id, script, mem: 32)).get()
      let exit = try await harness.exit(of: id)
      if exit.limitation?.kind != .memory || exit.limitation?.resource?.value != 32_000 { missed.append(turn) }
    }
    #expect(missed == [])
  }

  @Test func exhaustedProcessesAreToldAndEndNothing() async throws {
    let harness = try Enforcement.harness(parameters: #"{"pids_max": 12}"#)
    let script = "(for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do sleep 600 & done) 2>/dev/null; exit 3"
    let exit = try await harness.run("a", script)
    #expect(exit.waitStatus == 3 << 8 && exit.limitation == nil)
    let note = try #require(exit.notes.first { $0.hasPrefix("processes limit reached: max ") })
    #expect(note.hasSuffix(" in pids.events, pids.max 12, pids.peak 12"), "\(note)")
  }

  @Test func throttlingIsTold() async throws {
    let harness = try Enforcement.harness()
    let script = "timeout 3 sh -c 'while :; do :; done'; exit 4"
    _ = try await harness.launch(request(harness, "a", script, cpus: 100)).get()
    let exit = try await harness.exit(of: "a")
    #expect(exit.waitStatus == 4 << 8 && exit.limitation == nil)
    let note = try #require(exit.notes.first { $0.hasPrefix("cpus limit reached: nr_throttled ") })
    #expect(note.contains(" in cpu.stat, cpu.max 10000 100000"), "\(note)")
  }

  @Test(
    .enabled(if: getenv("GUEST") != nil, "changes limits of the whole machine, which is for a guest only"),
    arguments: ["mnt", "uts", "cgroup"])
  func limitOfNamespacesIsNamed(name: String) async throws {
    let file = "/proc/sys/user/max_\(name)_namespaces"
    let usual = try #require(read(file))
    let harness = try Enforcement.harness(extra: [.namespaces([.mount, .pid, .ipc, .uts, .cgroup])])
    #expect(KernelCgroupFiles().write("0", to: file) == 0)
    defer { _ = KernelCgroupFiles().write(usual, to: file) }
    let failure = LaunchFailure(
      step: .namespaces,
      message: "cannot make another namespace: the limit is \(file): No space left on device")
    #expect(await harness.launch(try request(harness, "a", "exit 0")) == .failure(failure))
  }

  @Test func killForTheLimitOfANestedGroupIsToldAsSuch() async throws {
    let harness = try Enforcement.harness(parameters: #"{"memory_oom_group": false}"#)
    let request = try request(harness, "a", "read -r _ < gate; \(Self.hog); exit 5")
    let gate = try harness.addGate(to: request)
    _ = try await harness.launch(request).get()
    #expect(KernelCgroupFiles().write("+memory", to: "\(group("a"))/cgroup.subtree_control") == 0)
    #expect(KernelCgroupFiles().write("20971520", to: "\(group("a"))/leaf/memory.max") == 0)
    pass(gate)
    let exit = try await harness.exit(of: "a")
    #expect(exit.limitation == nil && exit.waitStatus == 5 << 8)
    let note = "killed by the mem limit of its nested cgroup leaf (memory.max 20971520): oom_kill"
    #expect(exit.notes.contains { $0.hasPrefix(note) }, "\(exit.notes)")
  }

  @Test func killForALimitAboveIsNotTheContainers() async throws {
    let harness = try Enforcement.harness(parameters: #"{"memory_oom_group": false}"#)
    let root = try #require(Enforcement.root).path
    let above = "\(root)/memory.max"
    // What ended containers still hold is charged there too.
    let current = read("\(root)/memory.current")?.dropLast()
    let bytes = try #require(current.flatMap { Int($0) }) + (64 << 20)
    #expect(KernelCgroupFiles().write("\(bytes)", to: above) == 0)
    defer { _ = KernelCgroupFiles().write("max", to: above) }
    _ = try await harness.launch(request(harness, "a", "\(Self.hog); exit 5", mem: 512)).get()
    let exit = try await harness.exit(of: "a")
    #expect(exit.limitation == nil && exit.waitStatus == 5 << 8)
    let note = "killed within its own mem limit, because what lies above the container, or the machine, ran out"
    #expect(exit.notes.contains { $0.hasPrefix(note) }, "\(exit.notes)")
  }
}
