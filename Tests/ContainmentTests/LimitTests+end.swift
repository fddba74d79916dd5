import Containment
import Glibc
import ModuleHost
import Testing

/// What is left of containers: nothing.
extension ContainmentTests.LimitTests {
  private var openFiles: Int {
    guard let directory = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(directory) }
    var count = 0
    while readdir(directory) != nil { count += 1 }
    return count
  }

  @Test func fiveHundredContainersLeaveNothing() async throws {
    let harness = try Enforcement.harness()
    _ = try await harness.run("first", "exit 0")
    let before = openFiles
    for batch in 0..<25 {
      // One leaves its session; the others have no shell, since starting programs is what takes long in the guest.
      let daemon = try harness.request("a\(batch)-daemon", "setsid sleep 600 & exec sleep 600")
      let others = try (1..<20).map {
        try harness.request("a\(batch)-\($0)", program: "/bin/sleep", ["sleep", "600"])
      }
      let requests = [daemon] + others
      let ids = requests.map(\.description.id)
      for request in requests { _ = try await harness.launch(request).get() }
      for id in ids { #expect(await harness.usage(id)["mem_total_bytes"] ?? 0 > 0) }
      for id in ids { harness.containment.destroy(id) }
      for id in ids {
        _ = try await harness.exit(of: id)
        #expect(isGone(id))
      }
    }
    #expect(KernelCgroupFiles().directories(in: try #require(Enforcement.root).path) == [])
    // What was kept open for measuring is closed behind the end's back.
    try await eventually("descriptors are closed") { openFiles == before ? true : nil }
    #expect(system("grep -q TEPUI_CONTAINER=\(harness.stateRoot) /proc/[0-9]*/environ 2>/dev/null") != 0)
  }

  /// Before Linux 5.14.
  private final class WithoutKill: CgroupFiles {
    private let kernel = KernelCgroupFiles()
    func makeDirectory(_ path: String) -> Int32 { kernel.makeDirectory(path) }
    func removeDirectory(_ path: String) -> Int32 { kernel.removeDirectory(path) }
    func write(_ value: String, to path: String) -> Int32 {
      path.hasSuffix("/cgroup.kill") ? ENOENT : kernel.write(value, to: path)
    }
    func allow(_ devices: [PlanEntry.Device], in group: String) -> Int32 { kernel.allow(devices, in: group) }
    func read(_ path: String) -> String? { kernel.read(path) }
    func directories(in path: String) -> [String] { kernel.directories(in: path) }
  }

  @Test func forkBombIsFrozenAndKilledByAKernelWithoutKill() async throws {
    let harness = try Enforcement.harness(parameters: #"{"pids_max": 60}"#) { WithoutKill() }
    let bomb = "f() { f | f & }; echo up; f 2>/dev/null; exec sleep 600"
    _ = try await harness.launch(request(harness, "a", bomb)).get()
    try await eventually("the bomb grows") { (number("a", "pids.current") ?? 0) > 20 ? true : nil }
    harness.containment.destroy("a")
    _ = try await harness.exit(of: "a")
    #expect(isGone("a"))
  }

  @Test(arguments: [false, true]) func onlyAllowedDevicesCanBeOpened(isRestricted: Bool) async throws {
    let harness = try Enforcement.harness(
      parameters: isRestricted ? #"{"devices": true, "devices_allow": "/dev/kmsg w"}"# : "{}")
    let script = """
      head -c 1 /dev/zero > /dev/null && echo usual
      echo test > /dev/kmsg && echo written
      (: < /dev/kmsg) 2>/dev/null && echo read
      echo end
      """
    let exit = try await harness.run("a", script)
    #expect(exit.waitStatus == 0)
    #expect(harness.output(of: "a") == (isRestricted ? "usual\nwritten\nend\n" : "usual\nwritten\nread\nend\n"))
  }
}
