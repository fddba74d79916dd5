import Foundation
import Logging
import ModuleHost
import Testing

/// An isolator of this repository, loaded from its shared library.
func loadIsolator(_ module: String, _ parameters: String) throws -> LoadedIsolator { try load(module, parameters) }

/// The isolators of this repository, loaded from their shared libraries.
private func load(
  _ module: String, _ parameters: String = "{}", node: NodeDescription = .test, log: LogRecord = LogRecord()
) throws -> LoadedIsolator {
  let host = try ModuleHost(
    product: "tepui-test", version: "0", directory: Repository.products,
    configuration: """
      {"libraries": [{"name": "\(module)", "modules": [{"name": "org.tepui.\(module)", "parameters": \(parameters)}]}]}
      """, logger: Logger(label: "test") { _ in log })
  return try #require(try host.loadIsolators(named: [module], node: node).first)
}

private func container(_ requests: [String: Int64], limits: [String: Int64] = [:], pid: Int32 = 0)
  -> ContainerDescription
{
  ContainerDescription(
    id: "c1", frameworkID: "f1", executorID: "e1", role: "dev", user: "nobody", sandbox: "/sandbox",
    isCommandTask: true, requests: requests.map { .init(name: $0.key, value: $0.value) },
    limits: limits.map { .init(name: $0.key, value: $0.value) }, pid: pid)
}

@Suite struct CgroupsTests {
  /// Cgroup files by name.
  private func files(_ isolator: LoadedIsolator, _ container: ContainerDescription, running: Bool = false) throws
    -> [String: String]
  {
    try isolator.plan(container, running: running).reduce(into: [:]) { files, entry in
      switch entry {
      case .cgroup(let file, let value), .cgroupIfPresent(let file, let value): files[file] = value
      default: break
      }
    }
  }

  @Test func aContainerIsHeldToWhatItAskedFor() throws {
    let files = try files(try load("cgroups"), container(["cpus": 1500, "mem": 512_000]))
    #expect(
      files == [
        "cpu.weight": "150", "cpu.max": "150000 100000", "memory.max": "536870912", "memory.low": "536870912",
        "memory.swap.max": "0", "memory.oom.group": "1", "pids.max": "4096",
      ])
  }

  @Test func memoryThatRunsOutEndsTheContainerAndOtherLimitsAreTold() throws {
    let watches = try load("cgroups").plan(container(["cpus": 1000, "mem": 64000]), running: false).compactMap {
      if case .watch(let watch) = $0 { watch } else { nil }
    }
    #expect(
      watches == [
        .init(
          limitation: .noted, file: "cpu.stat", key: "nr_throttled", resource: "cpus", limitFile: "cpu.max",
          pressureFile: "cpu.pressure", least: 10),
        .init(
          limitation: .memory, file: "memory.events", key: "oom_kill", resource: "mem", limitFile: "memory.max",
          peakFile: "memory.peak", pressureFile: "memory.pressure",
          cause: .init(file: "memory.events.local", key: "oom")),
        .init(
          limitation: .noted, file: "pids.events", key: "max", resource: "processes", limitFile: "pids.max",
          peakFile: "pids.peak"),
      ])
  }

  @Test func limitsOfTheTaskCountOnTop() throws {
    let files = try files(
      try load("cgroups"),
      container(["cpus": 1000, "mem": 64000], limits: ["cpus": 2500, "mem": 128_000]))
    #expect(files["cpu.weight"] == "100")
    #expect(files["cpu.max"] == "250000 100000")
    #expect(files["memory.max"] == "134217728")
    #expect(files["memory.low"] == "67108864")
  }

  @Test func unlimitedIsMax() throws {
    let unlimited = ContainerDescription.Amount.unlimited
    let files = try files(
      try load("cgroups", #"{"pids_max": "unlimited"}"#),
      container(["cpus": 1000, "mem": 64000], limits: ["cpus": unlimited, "mem": unlimited]))
    #expect(files["cpu.max"] == "max 100000")
    #expect(files["memory.max"] == "max")
    #expect(files["pids.max"] == "max")
  }

  @Test(arguments: [
    (["cpus": Int64(1), "mem": Int64(1)], ["cpu.weight": "1", "cpu.max": "1000 100000", "memory.max": "33554432"]),
    (["cpus": 1_000_000], ["cpu.weight": "10000", "cpu.max": "100000000 100000", "memory.max": "max"]),
    (["mem": Int64.max - 1], ["cpu.weight": "1", "cpu.max": "max 100000", "memory.max": "\(Int64.max)"]),
    ([:], ["cpu.weight": "1", "cpu.max": "max 100000", "memory.max": "max", "memory.low": "0"]),
  ])
  func numbersStayWithinWhatTheKernelTakes(requests: [String: Int64], expected: [String: String]) throws {
    let files = try files(try load("cgroups"), container(requests))
    for (file, value) in expected { #expect(files[file] == value, "\(file)") }
  }

  @Test func parametersTurnThingsOff() throws {
    let files = try files(
      try load(
        "cgroups",
        #"{"cpu_hard_limit": false, "memory_low": false, "memory_oom_group": false, "swap": true, "pids_max": 64}"#),
      container(["cpus": 2000, "mem": 64000]))
    #expect(
      files == ["cpu.weight": "200", "cpu.max": "max 100000", "memory.max": "67108864", "pids.max": "64"])
  }

  @Test func furtherLimitsAreThoseOfTheParameters() throws {
    let files = try files(
      try load(
        "cgroups",
        """
        {"cpu_burst": "20ms", "cpuset_cpus": "0-1, 3", "cpuset_mems": "0", "memory_high_percent": 90, "swap": true,
         "swap_mb": 16, "io_weight": 250, "io_max": "8:0 rbps=1048576 wiops=max; 8:16 riops=5",
         "hugetlb_max": "2MB=67108864,1GB=0"}
        """, node: .everything),
      container(["cpus": 100, "mem": 100_000]))
    // 20 ms would be more than the quota, which the kernel refuses.
    #expect(files["cpu.max"] == "10000 100000" && files["cpu.max.burst"] == "10000")
    #expect(files["cpuset.cpus"] == "0-1,3" && files["cpuset.mems"] == "0")
    #expect(files["memory.high"] == "94371840" && files["memory.swap.max"] == "16777216")
    #expect(files["io.weight"] == "250")
    #expect(files["hugetlb.2MB.max"] == "67108864" && files["hugetlb.1GB.max"] == "0")
  }

  @Test func limitsOfADeviceAreALineEach() throws {
    let plan = try load("cgroups", #"{"io_max": "8:0 rbps=1048576 wiops=max; 8:16 riops=5"}"#, node: .everything).plan(
      container(["cpus": 100]), running: false)
    #expect(plan.contains(.cgroup(file: "io.max", value: "8:0 rbps=1048576 wiops=max")))
    #expect(plan.contains(.cgroup(file: "io.max", value: "8:16 riops=5")))
  }

  @Test func devicesAreTheUsualOnesAndThoseOfTheParameter() throws {
    let isolator = try load(
      "cgroups", #"{"devices": true, "devices_allow": "/dev/null r; c 10:229 rw; b 8:* rwm; c *:* r"}"#)
    let devices = try isolator.plan(container(["cpus": 100]), running: false).compactMap {
      if case .device(let device) = $0 { device } else { nil }
    }
    #expect(devices.contains(.init(access: 7, kind: .character, major: 1, minor: 5)))
    #expect(devices.contains(.init(access: 4, kind: .block, major: nil, minor: nil)))
    #expect(
      devices.suffix(4) == [
        .init(access: 1, kind: .character, major: 1, minor: 3),
        .init(access: 3, kind: .character, major: 10, minor: 229),
        .init(access: 7, kind: .block, major: 8, minor: nil),
        .init(access: 1, kind: .character, major: nil, minor: nil),
      ])
    #expect(
      try !isolator.plan(container(["cpus": 100]), running: true).contains {
        if case .device = $0 { true } else { false }
      })
  }

  @Test func partsCanBeLeftToOthers() throws {
    var node = NodeDescription.test
    node.controllers = ["pids"]
    #expect(
      try files(try load("cgroups", #"{"cpu": false, "memory": false}"#, node: node), container(["cpus": 1000]))
        == ["pids.max": "4096"])
  }

  @Test(arguments: [
    (#"{"cpuset_cpus": "3-1"}"#, #"cpuset_cpus: "3-1" is not a number or a range"#),
    (#"{"cpuset_cpus": "0,x"}"#, #"cpuset_cpus: "x" is not a number or a range"#),
    (#"{"io_max": "8:0"}"#, #"io_max: "8:0" is not a device and its limits"#),
    (#"{"io_max": "8:0 rbps=many"}"#, #"io_max: "rbps=many" is not rbps="#),
    (#"{"io_max": "/dev/null rbps=1"}"#, #"io_max: "/dev/null" is not a block device"#),
    (#"{"io_max": "/dev/missing rbps=1"}"#, "io_max: /dev/missing: No such file or directory"),
    (#"{"hugetlb_max": "2=1"}"#, #"hugetlb_max: "2=1" is not the size of a page and bytes"#),
    (#"{"devices": true, "devices_allow": "/dev/null x"}"#, #"devices_allow: "/dev/null x" is not a device"#),
    (#"{"devices": true, "devices_allow": "c 1:* "}"#, #"devices_allow: "c 1:*" is not a device"#),
    (#"{"devices_allow": "/dev/null r"}"#, #"devices_allow: needs "devices": true"#),
    (#"{"swap_mb": 4}"#, #"swap_mb: needs "swap": true"#),
    (#"{"io_weight": 100}"#, "the cgroup v2 controller io is missing"),
    (#"{"cpuset_cpus": "0"}"#, "the cgroup v2 controller cpuset is missing"),
  ])
  func whatCannotBeDoneIsRefusedAtTheStart(parameters: String, text: String) throws {
    let error = try #require(throws: ModuleError.self) { try load("cgroups", parameters) }
    #expect(error.code == .create)
    #expect(error.message.contains(text), "\(error.message)")
  }

  @Test(arguments: ["cpu", "memory"])
  func itDoesNotStartWithoutItsControllers(missing: String) throws {
    var node = NodeDescription.test
    node.controllers.removeAll { $0 == missing }
    let error = try #require(throws: ModuleError.self) { try load("cgroups", node: node) }
    #expect(error.code == .create)
    #expect(error.message.contains("the cgroup v2 controller \(missing) is missing"))
    #expect(error.message.hasSuffix("to run without limits use org.tepui.posix in place of this module"))
  }

  @Test func withoutTheControllerPidsItSaysSoAndGoesOn() throws {
    var node = NodeDescription.test
    node.controllers = ["cpu", "memory"]
    let log = LogRecord()
    #expect(try files(try load("cgroups", node: node, log: log), container(["cpus": 1000]))["pids.max"] == nil)
    #expect(log.lines.contains { $0.contains("the controller pids is missing") })
  }

  @Test(arguments: ["0", "-1", "many", "1000000000", "007"])
  func aBadNumberOfProcessesIsRefused(text: String) throws {
    let error = try #require(throws: ModuleError.self) { try load("cgroups", "{\"pids_max\": \"\(text)\"}") }
    #expect(error.message.contains("pids_max: \"\(text)\" is neither a number from 1 to 999999999 nor \"unlimited\""))
  }

  @Test func usageHasMesosNames() throws {
    struct Files: CgroupReading {
      func read(_ file: String) -> String? {
        [
          "cpu.stat": "usage_usec 3500000\nuser_usec 2000000\nsystem_usec 1500000\nnr_periods 7\nnr_throttled 2\n"
            + "throttled_usec 250000\n",
          "memory.current": "9000\n", "memory.swap.current": "1000\n", "memory.max": "max\n", "memory.low": "4000\n",
          "memory.stat": "anon 4096\nfile 8192\nkernel 100\nsock 50\nfile_mapped 512\nunevictable 0\n",
          "memory.events": "low 1\nhigh 2\nmax 3\noom 0\noom_kill 0\n", "memory.peak": "9500\n",
          "cgroup.procs": "17\n18\n", "cgroup.threads": "17\n18\n19\n", "pids.max": "40\n", "pids.events": "max 5\n",
          "io.stat": "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n254:16 \n",
          "memory.pressure": "some avg10=1.50 avg60=0.25 avg300=0.00 total=3000000\n"
            + "full avg10=1.00 avg60=0.00 avg300=0.00 total=2000000\n",
        ][file]
      }
    }
    let usage = try load("cgroups").usage(container(["cpus": 1500, "mem": 64000], pid: 1), cgroup: Files())
    #expect(
      usage == [
        "cpus_user_time_secs": 2, "cpus_system_time_secs": 1.5, "cpus_nr_periods": 7, "cpus_nr_throttled": 2,
        "cpus_throttled_time_secs": 0.25, "cpus_limit": 1.5, "cpus_soft_limit": 1.5, "mem_anon_bytes": 4096,
        "mem_rss_bytes": 4096, "mem_file_bytes": 8192, "mem_cache_bytes": 8192, "mem_mapped_file_bytes": 512,
        "mem_unevictable_bytes": 0, "mem_kmem_usage_bytes": 100, "mem_kmem_tcp_usage_bytes": 50,
        "mem_total_bytes": 9000, "mem_swap_bytes": 1000, "mem_total_memsw_bytes": 10000,
        "mem_soft_limit_bytes": 4000, "mem_peak_bytes": 9500, "mem_low_events": 1, "mem_high_events": 2,
        "mem_max_events": 3, "mem_oom_events": 0, "mem_oom_kill_events": 0, "processes": 2, "threads": 3,
        "processes_limit": 40, "processes_max_events": 5, "blkio_statistics/8:0/io_service_bytes/READ": 10,
        "blkio_statistics/8:0/io_service_bytes/WRITE": 20, "blkio_statistics/8:0/io_service_bytes/DISCARD": 0,
        "blkio_statistics/8:0/io_serviced/READ": 1, "blkio_statistics/8:0/io_serviced/WRITE": 2,
        "blkio_statistics/8:0/io_serviced/DISCARD": 0, "pressure_mem_some_avg10": 1.5,
        "pressure_mem_some_avg60": 0.25, "pressure_mem_some_avg300": 0, "pressure_mem_some_total_secs": 3,
        "pressure_mem_full_avg10": 1, "pressure_mem_full_avg60": 0, "pressure_mem_full_avg300": 0,
        "pressure_mem_full_total_secs": 2,
      ])
  }
}

@Suite struct DiskTests {
  private func disk(_ parameters: String, _ container: ContainerDescription) throws -> [PlanEntry] {
    try load("disk", parameters).plan(container, running: false)
  }

  @Test func theSandboxIsMeasuredAndBoundedIfWanted() throws {
    #expect(
      try disk("{}", container(["disk": 64_000])) == [
        .disk(.init(path: "/sandbox", limitBytes: 64 << 20, isEnforced: false, intervalNs: 15_000_000_000))
      ])
    #expect(
      try disk(#"{"enforce": true, "interval": "100ms"}"#, container([:])) == [
        .disk(.init(path: "/sandbox", limitBytes: nil, isEnforced: true, intervalNs: 100_000_000))
      ])
  }
}

extension NodeDescription {
  /// A node with every controller that there is.
  fileprivate static let everything = NodeDescription(
    cpus: 4000, memoryBytes: 8 << 30, controllers: ["cpu", "cpuset", "hugetlb", "io", "memory", "pids"])
}

@Suite struct PosixTests {
  private struct NoFiles: CgroupReading {
    func read(_ file: String) -> String? { nil }
  }

  @Test func itSumsAProcessAndItsChildren() throws {
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/bash")
    // A name with a space and a bracket in the way.
    shell.arguments = ["-c", "exec -a 'odd) name (' sh -c 'sleep 60 & sleep 60 & echo ready; wait'"]
    let pipe = Pipe()
    shell.standardOutput = pipe
    try shell.run()
    defer {
      _ = try? run(["pkill", "-P", "\(shell.processIdentifier)"])
      shell.terminate()
    }
    _ = try pipe.fileHandleForReading.read(upToCount: 5)
    let usage = try load("posix").usage(
      container(["cpus": 500, "mem": 64000], pid: shell.processIdentifier), cgroup: NoFiles())
    #expect(usage["processes"] == 3)
    #expect(usage["threads"] == 3)
    #expect((usage["mem_rss_bytes"] ?? 0) > 100_000)
    #expect(usage["cpus_limit"] == 0.5)
    #expect(usage["mem_limit_bytes"] == 67_108_864)
    #expect(usage["cpus_user_time_secs"] != nil && usage["cpus_system_time_secs"] != nil)
  }

  @Test func itLimitsNothing() throws {
    #expect(try load("posix").plan(container(["cpus": 1000]), running: false) == [])
  }

  @Test func aContainerWithoutAProcessHasNoUsage() throws {
    let isolator = try load("posix")
    let failure = try #require(throws: IsolatorFailure.self) {
      try isolator.usage(container(["cpus": 1000]), cgroup: NoFiles())
    }
    #expect(failure.message == "the container has no process")
  }
}

@Suite struct RLimitsTests {
  @Test func everyFormOfALimitArrives() throws {
    let isolator = try load("rlimits", #"{"nofile": "1024:4096", "core": 0, "stack": "unlimited"}"#)
    #expect(
      try isolator.plan(container(["cpus": 1000]), running: false) == [
        .rlimit(name: "core", soft: 0, hard: 0), .rlimit(name: "nofile", soft: 1024, hard: 4096),
        .rlimit(name: "stack", soft: .max, hard: .max),
      ])
  }

  @Test func aRunningContainerKeepsItsLimits() throws {
    #expect(try load("rlimits", #"{"core": 0}"#).plan(container(["cpus": 1000]), running: true) == [])
  }

  @Test(arguments: ["x", "1:", ":1", "-1", "1:2:3", "2:1", "unlimited:1", "1 ", "1234567890123456789"])
  func aBadLimitIsRefused(text: String) throws {
    let error = try #require(throws: ModuleError.self) { try load("rlimits", "{\"nofile\": \"\(text)\"}") }
    #expect(error.code == .create)
    #expect(error.message.contains("nofile: \"\(text)\" is not a number, \"unlimited\", or two of them as soft:hard"))
  }
}
