import Containment
import Glibc
import ModuleHost
import Synchronization
import Testing

/// A cgroup2 tree in memory, which remembers what was asked and fails where it is told to.
private final class FakeCgroups: CgroupFiles, Sendable {
  struct State {
    var directories: Set<String> = ["/cg"]
    var files: [String: String] = ["/cg/cgroup.subtree_control": "cpu memory\n"]
    var asked: [String] = []
    var failures: [String: Int32] = [:]
  }
  let state = Mutex(State())

  /// - Parameter failures: errno by "action path", such as "write /cg/tepui/a/cpu.max".
  init(failures: [String: Int32] = [:]) { state.withLock { $0.failures = failures } }

  var asked: [String] { state.withLock { $0.asked } }
  func isThere(_ path: String) -> Bool { state.withLock { $0.directories.contains(path) } }

  private func ask(_ what: String, _ act: (inout State) -> Int32) -> Int32 {
    state.withLock { state in
      state.asked.append(what)
      return state.failures[what] ?? act(&state)
    }
  }

  func makeDirectory(_ path: String) -> Int32 {
    ask("make \(path)") { state in
      guard state.directories.insert(path).inserted else { return EEXIST }
      state.files["\(path)/cgroup.events"] = "populated 0\n"
      state.files["\(path)/cgroup.controllers"] = "cpu memory\n"
      return 0
    }
  }

  func removeDirectory(_ path: String) -> Int32 {
    ask("remove \(path)") { state in
      guard !state.directories.contains(where: { $0.hasPrefix(path + "/") }) else { return EBUSY }
      state.files = state.files.filter { !$0.key.hasPrefix(path + "/") }
      return state.directories.remove(path) == nil ? ENOENT : 0
    }
  }

  func write(_ value: String, to path: String) -> Int32 {
    ask("write \(path)") { state in
      state.files[path] = value
      return 0
    }
  }

  func read(_ path: String) -> String? { state.withLock { $0.files[path] } }

  func directories(in path: String) -> [String] {
    state.withLock { state in
      state.directories.filter { $0.hasPrefix(path + "/") }.map { String($0.dropFirst(path.count + 1)) }
        .filter { !$0.contains("/") }
    }
  }
}

extension ContainmentTests {
  /// The order of what is done to the tree, and what becomes of failures; real limits are LimitTests'.
  @Suite struct CgroupTests {
    private let root = CgroupRoot(path: "/cg/tepui", controllers: ["cpu", "memory"])
    private let isolator = [
      PlanEntry.cgroup(file: "cpu.max", value: "1000 100000"), .cgroup(file: "memory.max", value: "1048576"),
    ]

    /// Launches a container whose groups cannot be entered, since they are fakes.
    private func failure(_ files: FakeCgroups) async throws -> LaunchFailure {
      let harness = try Harness([PlannedIsolator("a", isolator)], cgroups: root, cgroupFiles: { files })
      guard case .failure(let failure) = await harness.launch(try harness.request("c", "exit 0")) else {
        throw Overdue(description: "the launch succeeded")
      }
      #expect(harness.exitCount(of: "c") == 0)
      return failure
    }

    @Test func rootHandsDownWhatItWasGiven() throws {
      let files = FakeCgroups()
      _ = try Harness(cgroups: root, cgroupFiles: { files })
      #expect(files.asked == ["make /cg/tepui", "write /cg/tepui/cgroup.subtree_control"])
      #expect(files.read("/cg/tepui/cgroup.subtree_control") == "+cpu +memory")
    }

    @Test func rootThatCannotBeMadeIsNamedAtTheStart() throws {
      let files = FakeCgroups(failures: ["make /cg/tepui": EROFS])
      #expect(
        throws: ContainmentFailure(message: "cannot make the cgroup /cg/tepui: Read-only file system")
      ) { try Harness(cgroups: root, cgroupFiles: { files }) }
    }

    @Test func limitsStandBeforeAnyProcessCanBeThere() async throws {
      let files = FakeCgroups()
      _ = try await failure(files)
      let first = files.asked.dropFirst(2).prefix(5)
      #expect(
        Array(first) == [
          "make /cg/tepui/c", "write /cg/tepui/c/cpu.max", "write /cg/tepui/c/memory.max",
          "make /cg/tepui/c/supervisor", "make /cg/tepui/c/leaf",
        ])
    }

    @Test(arguments: [
      ("make /cg/tepui/c", ENOSPC), ("write /cg/tepui/c/memory.max", EINVAL), ("make /cg/tepui/c/leaf", ENOMEM),
    ])
    func failureFailsTheLaunchAndLeavesNoGroup(what: String, error: Int32) async throws {
      let files = FakeCgroups(failures: [what: error])
      let failure = try await failure(files)
      #expect(failure.step == .cgroup)
      #expect(failure.message.contains(what.split(separator: " ")[1]))
      #expect(failure.message.hasSuffix(String(cString: strerror(error))))
      #expect(!files.isThere("/cg/tepui/c"))
    }

    @Test func nothingOutsideOfTheRootIsEverTouched() async throws {
      let files = FakeCgroups()
      _ = try await failure(files)
      #expect(files.asked.allSatisfy { $0.contains(" /cg/tepui") })
    }

    @Test func orphanedGroupsAreRemovedWithWhatIsBelowThem() async throws {
      let files = FakeCgroups()
      for path in ["/cg/tepui", "/cg/tepui/old", "/cg/tepui/old/leaf", "/cg/tepui/old/leaf/own", "/cg/tepui/kept"] {
        _ = files.makeDirectory(path)
      }
      let harness = try Harness(cgroups: root, cgroupFiles: { files })
      #expect(await harness.destroyOrphans(keeping: ["kept"]) == ["old"])
      #expect(!files.isThere("/cg/tepui/old") && files.isThere("/cg/tepui/kept"))
    }
  }

  @Suite struct CgroupDiscoveryTests {
    /// The files of a machine, by path.
    private func discover(
      _ files: [String: String], named name: String = "tepui"
    ) throws(CgroupRoot.Unavailable) -> CgroupRoot {
      let fake = FakeCgroups()
      fake.state.withLock { $0.files = files }
      return try CgroupRoot.discover(named: name, files: fake, processRoot: "/proc")
    }

    /// Discovery asks the kernel whether it may write: directories must be real.
    private func mounted(at mount: String) -> String {
      "25 30 0:23 / /sys rw - sysfs sysfs rw\n31 25 0:27 / \(mount) rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
    }

    @Test func delegatedGroupIsPreferred() throws {
      let mount = try Harness.makeDirectory()
      try #require(mkdir("\(mount)/agent", 0o755) == 0)
      let root = try discover([
        "/proc/mountinfo": mounted(at: mount), "/proc/cgroup": "0::/agent\n",
        "\(mount)/agent/cgroup.subtree_control": "cpu memory pids\n", "\(mount)/cgroup.subtree_control": "cpu\n",
      ])
      #expect(root == CgroupRoot(path: "\(mount)/agent/tepui", controllers: ["cpu", "memory", "pids"]))
      #expect(root.missing() == nil)
    }

    @Test func elseTheGroupLiesBelowTheMount() throws {
      let mount = try Harness.makeDirectory()
      let root = try discover([
        "/proc/mountinfo": mounted(at: mount), "/proc/cgroup": "0::/user.slice/session\n",
        "\(mount)/cgroup.subtree_control": "memory pids\n",
      ])
      #expect(root.path == "\(mount)/tepui")
      #expect(
        root.missing() == "containers cannot have cpu: write '+cpu' to \(mount)/cgroup.subtree_control")
    }

    @Test func controllersOfVersionOneAreNoHelp() throws {
      let mount = try Harness.makeDirectory()
      let error = #expect(throws: CgroupRoot.Unavailable.self) {
        try discover([
          "/proc/mountinfo": mounted(at: mount), "/proc/cgroup": "0::/\n", "\(mount)/cgroup.controllers": "hugetlb\n",
          "\(mount)/cgroup.subtree_control": "hugetlb\n",
        ])
      }
      #expect(error?.description.contains("lacks the controllers cpu, memory, pids") == true)
    }

    @Test func machineWithoutCgroup2IsToldSo() throws {
      let error = #expect(throws: CgroupRoot.Unavailable.self) {
        try discover(["/proc/mountinfo": "", "/proc/cgroup": ""])
      }
      #expect(error?.description.hasPrefix("cgroup2 is not mounted") == true)
    }

    @Test(arguments: ["", "..", "a/b"]) func nameIsOneDirectory(name: String) throws {
      #expect(throws: CgroupRoot.Unavailable.self) { try discover([:], named: name) }
    }
  }
}
