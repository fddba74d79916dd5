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
    var written: [(path: String, value: String)] = []
    var failures: [String: Int32] = [:]
    var delegated: Set<String> = []
  }
  let state = Mutex(State())

  /// - Parameter failures: errno by "action path", such as "write /cg/tepui/a/cpu.max".
  init(failures: [String: Int32] = [:]) { state.withLock { $0.failures = failures } }

  var asked: [String] { state.withLock { $0.asked } }
  func written(to path: String) -> [String] { state.withLock { $0.written.filter { $0.path == path }.map(\.value) } }
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
      state.written.append((path, value))
      return 0
    }
  }

  func allow(_ devices: [PlanEntry.Device], in group: String) -> Int32 { ask("allow \(group)") { _ in 0 } }

  func read(_ path: String) -> String? { state.withLock { $0.files[path] } }

  func isMarkedDelegated(_ path: String) -> Bool { state.withLock { $0.delegated.contains(path) } }

  func writability(of path: String) -> Int32 { state.withLock { $0.failures["make groups in \(path)"] ?? 0 } }

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
      let control = "write /cg/tepui/cgroup.subtree_control"
      #expect(files.asked == ["make /cg/tepui", control, control])
      #expect(files.written(to: "/cg/tepui/cgroup.subtree_control") == ["+cpu", "+memory"])
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
      let first = files.asked.dropFirst(3).prefix(5)
      #expect(
        Array(first) == [
          "make /cg/tepui/c", "write /cg/tepui/c/cpu.max", "write /cg/tepui/c/memory.max",
          "make /cg/tepui/c/supervisor", "make /cg/tepui/c/leaf",
        ])
    }

    /// Every step of a launch fails in turn.
    @Test(arguments: [ENOSPC, EINVAL, ENOMEM, EACCES])
    func failureOfAnyStepFailsTheLaunchAndLeavesNoGroup(error: Int32) async throws {
      let complete = FakeCgroups()
      _ = try await failure(complete)
      let steps = complete.asked.dropFirst(3).prefix { !$0.hasPrefix("remove ") }
      #expect(steps.count == 5)
      for step in steps {
        let files = FakeCgroups(failures: [step: error])
        let failure = try await failure(files)
        #expect(failure.step == .cgroup)
        #expect(failure.message.contains(step.split(separator: " ")[1]), "\(failure)")
        #expect(failure.message.hasSuffix(String(cString: strerror(error))))
        #expect(!files.isThere("/cg/tepui/c"))
      }
    }

    @Test func refusedValueIsTold() async throws {
      let failure = try await failure(FakeCgroups(failures: ["write /cg/tepui/c/memory.max": ERANGE]))
      #expect(
        failure.message == "cannot write '1048576' to /cg/tepui/c/memory.max: Numerical result out of range")
    }

    @Test func fileThatNeedNotBeThereIsLeftOut() async throws {
      let plan = [
        PlanEntry.cgroupIfPresent(file: "memory.swap.max", value: "0"), .cgroup(file: "memory.max", value: "1"),
      ]
      for (error, isLeftOut) in [(ENOENT, true), (EINVAL, false)] {
        let files = FakeCgroups(failures: ["write /cg/tepui/c/memory.swap.max": error])
        let harness = try Harness([PlannedIsolator("a", plan)], cgroups: root, cgroupFiles: { files })
        _ = await harness.launch(try harness.request("c", "exit 0"))
        #expect(files.asked.contains("write /cg/tepui/c/memory.max") == isLeftOut)
      }
    }

    @Test func devicesAreDeniedBeforeAnyProcessCanBeThere() async throws {
      let files = FakeCgroups()
      let device = PlanEntry.Device(access: 3, kind: .character, major: 1, minor: 3)
      let harness = try Harness([PlannedIsolator("a", [.device(device)])], cgroups: root, cgroupFiles: { files })
      _ = await harness.launch(try harness.request("c", "exit 0"))
      #expect(
        Array(files.asked.dropFirst(3).prefix(3)) == [
          "make /cg/tepui/c", "allow /cg/tepui/c", "make /cg/tepui/c/supervisor",
        ])
    }

    @Test func nothingOutsideOfTheRootIsEverTouched() async throws {
      let files = FakeCgroups()
      _ = try await failure(files)
      #expect(files.asked.allSatisfy { $0.contains(" /cg/tepui") })
    }

    // MARK: A delegated group

    private let delegated = CgroupRoot(
      path: "/cg/agent/tepui", controllers: ["cpu", "memory"],
      delegation: .init(group: "/cg/agent", leaf: "/cg/agent/tepui-agent", isInLeaf: false))

    @Test func agentLeavesItsGroupBeforeThatHandsControllersDown() throws {
      let files = FakeCgroups()
      _ = try Harness(cgroups: delegated, cgroupFiles: { files })
      #expect(
        files.asked == [
          "make /cg/agent/tepui-agent", "write /cg/agent/tepui-agent/cgroup.procs",
          "write /cg/agent/cgroup.subtree_control", "write /cg/agent/cgroup.subtree_control", "make /cg/agent/tepui",
          "write /cg/agent/tepui/cgroup.subtree_control", "write /cg/agent/tepui/cgroup.subtree_control",
        ])
      #expect(files.written(to: "/cg/agent/tepui-agent/cgroup.procs") == ["\(getpid())"])
    }

    @Test func processesThatKeepTheGroupFromHandingDownAreNamed() throws {
      let files = FakeCgroups(failures: ["write /cg/agent/cgroup.subtree_control": EBUSY])
      files.state.withLock { state in
        state.files["/cg/agent/cgroup.procs"] = "1\n7\n"
        state.files["/proc/1/comm"] = "bash\n"
      }
      let failure = try #require(throws: ContainmentFailure.self) {
        try Harness(cgroups: delegated, cgroupFiles: { files })
      }
      #expect(
        failure.message.hasPrefix(
          "cannot write '+cpu' to /cg/agent/cgroup.subtree_control: Device or resource busy; these processes live in "
            + "/cg/agent, which cannot hand controllers down as long as they do: 1 (bash), 7 (?); start the agent"))
    }

    // MARK: Orphans

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
      _ files: [String: String], named name: String = "tepui", delegated: Set<String> = [],
      failures: [String: Int32] = [:]
    ) throws(CgroupRoot.Unavailable) -> CgroupRoot {
      let fake = FakeCgroups(failures: failures)
      fake.state.withLock { state in
        state.files = files
        state.delegated = delegated
      }
      return try CgroupRoot.discover(named: name, files: fake, processRoot: "/proc")
    }

    private func mounted(at mount: String, root: String = "/") -> String {
      "25 30 0:23 / /sys rw - sysfs sysfs rw\n31 25 0:27 \(root) \(mount) rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
    }

    @Test func delegatedGroupIsPreferred() throws {
      let root = try discover(
        [
          "/proc/mountinfo": mounted(at: "/cg"), "/proc/cgroup": "0::/system.slice/tepui.service\n",
          "/cg/system.slice/tepui.service/cgroup.controllers": "cpu io memory pids rdma\n",
          "/cg/cgroup.subtree_control": "cpu\n",
        ], delegated: ["/cg/system.slice/tepui.service"])
      let group = "/cg/system.slice/tepui.service"
      #expect(
        root
          == CgroupRoot(
            path: "\(group)/tepui", controllers: ["cpu", "io", "memory", "pids"],
            delegation: .init(group: group, leaf: "\(group)/tepui-agent", isInLeaf: false)))
      #expect(root.missing() == nil)
    }

    @Test func agentThatWasStartedInItsLeafStaysThere() throws {
      let files = [
        "/proc/mountinfo": mounted(at: "/cg"), "/proc/cgroup": "0::/tepui.service/sub\n",
        "/cg/tepui.service/cgroup.controllers": "cpu memory\n",
      ]
      let root = try discover(files, delegated: ["/cg/tepui.service"])
      #expect(root.path == "/cg/tepui.service/tepui")
      #expect(root.delegation == .init(group: "/cg/tepui.service", leaf: "/cg/tepui.service/sub", isInLeaf: true))
      #expect(
        root.missing() == "containers cannot have pids: /cg/tepui.service/cgroup.controllers does not list them; "
          + "delegate them to the agent (systemd: Delegate=cpu memory pids)")
    }

    @Test func rootOfAContainerIsTheAgents() throws {
      let root = try discover([
        "/proc/mountinfo": mounted(at: "/cg", root: "/docker/1"), "/proc/cgroup": "0::/docker/1\n",
        "/cg/cgroup.controllers": "cpu memory pids\n", "/cg/cgroup.events": "populated 1\n",
      ])
      #expect(
        root.delegation == .init(group: "/cg", leaf: "/cg/tepui-agent", isInLeaf: false))
      #expect(root.path == "/cg/tepui")
    }

    @Test func groupThatSomebodyPreparedIsTakenAsItIs() throws {
      let root = try discover([
        "/proc/mountinfo": mounted(at: "/cg"), "/proc/cgroup": "0::/agent\n",
        "/cg/agent/cgroup.subtree_control": "cpu memory pids\n", "/cg/cgroup.subtree_control": "cpu\n",
      ])
      #expect(root == CgroupRoot(path: "/cg/agent/tepui", controllers: ["cpu", "memory", "pids"]))
    }

    @Test func readOnlyMountIsToldSo() throws {
      let error = #expect(throws: CgroupRoot.Unavailable.self) {
        try discover(
          [
            "/proc/mountinfo": mounted(at: "/cg"), "/proc/cgroup": "0::/\n",
            "/cg/cgroup.subtree_control": "cpu memory pids\n",
          ], failures: ["make groups in /cg": EROFS])
      }
      #expect(error?.description.hasPrefix("/cg is mounted read-only; mount cgroup2 read-write there") == true)
    }

    @Test func threadedGroupIsRefused() throws {
      let error = #expect(throws: CgroupRoot.Unavailable.self) {
        try discover(
          [
            "/proc/mountinfo": mounted(at: "/cg"), "/proc/cgroup": "0::/a\n", "/cg/a/cgroup.type": "threaded\n",
            "/cg/a/cgroup.controllers": "cpu pids\n",
          ], delegated: ["/cg/a"])
      }
      #expect(error?.description.hasPrefix("the agent's cgroup /cg/a is of the type 'threaded'") == true)
    }

    @Test func delegationOfNothingIsRefused() throws {
      let error = #expect(throws: CgroupRoot.Unavailable.self) {
        try discover(
          [
            "/proc/mountinfo": mounted(at: "/cg"), "/proc/cgroup": "0::/a\n", "/cg/a/cgroup.controllers": "rdma\n",
          ], delegated: ["/cg/a"])
      }
      #expect(error?.description.hasPrefix("the agent's cgroup /cg/a was given none of cpu, memory and pids") == true)
    }

    @Test func elseTheGroupLiesBelowTheMount() throws {
      let mount = "/cg"
      let root = try discover([
        "/proc/mountinfo": mounted(at: mount), "/proc/cgroup": "0::/user.slice/session\n",
        "\(mount)/cgroup.subtree_control": "memory pids\n",
      ])
      #expect(root.path == "\(mount)/tepui")
      #expect(
        root.missing() == "containers cannot have cpu: write '+cpu' to \(mount)/cgroup.subtree_control")
    }

    @Test func controllersOfVersionOneAreNoHelp() throws {
      let mount = "/cg"
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
