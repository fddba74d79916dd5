import Foundation
import Logging
import ModuleHost
import Testing

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
      if case .cgroup(let file, let value) = entry { files[file] = value }
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

  @Test func memoryThatRunsOutEndsTheContainer() throws {
    let watches = try load("cgroups").plan(container(["cpus": 1000, "mem": 64000]), running: false).compactMap {
      if case .watch(let watch) = $0 { watch } else { nil }
    }
    #expect(
      watches == [
        .init(
          limitation: .memory, file: "memory.events", key: "oom_kill", resource: "mem", limitFile: "memory.max",
          peakFile: "memory.peak")
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
          "memory.current": "9000\n", "memory.max": "max\n",
          "memory.stat": "anon 4096\nfile 8192\nkernel 100\nfile_mapped 512\nunevictable 0\n",
        ][file]
      }
    }
    let usage = try load("cgroups").usage(container(["cpus": 1500, "mem": 64000], pid: 1), cgroup: Files())
    #expect(
      usage == [
        "cpus_user_time_secs": 2, "cpus_system_time_secs": 1.5, "cpus_nr_periods": 7, "cpus_nr_throttled": 2,
        "cpus_throttled_time_secs": 0.25, "mem_anon_bytes": 4096, "mem_rss_bytes": 4096, "mem_file_bytes": 8192,
        "mem_cache_bytes": 8192, "mem_mapped_file_bytes": 512, "mem_unevictable_bytes": 0, "mem_total_bytes": 9000,
        "cpus_limit": 1.5,
      ])
  }
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
