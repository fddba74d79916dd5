import Foundation
import Logging
import ModuleHost
import Synchronization
import Testing

/// An isolator in Swift can do everything that one in C can: built against the installed SDK alone, it passes its check,
/// and all that it says arrives.
@Suite struct SwiftIsolatorTests {
  private let workspace = try! Workspace()
  private let log = Lines()

  @Test func everythingThatAnIsolatorCanSayArrives() throws {
    let made = try workspace.sh("tepui-module new isolator everything --lang swift")
    try #require(made.status == 0, "\(made.output)")
    let source = "EverythingIsolator/EverythingIsolator.swift"
    try FileManager.default.removeItem(atPath: "\(workspace.path)/everything/Sources/\(source)")
    try FileManager.default.copyItem(
      atPath: "\(Tool.root)/Tests/ModuleToolTests/Fixtures/EverythingIsolator.swift",
      toPath: "\(workspace.path)/everything/Sources/\(source)")
    let built = try workspace.sh(
      "cd everything && swift build -c release && tepui-module check .build/release/libeverything.so")
    try #require(built.status == 0, "\(built.output)")
    #expect(built.output.contains(" checks passed") && !built.output.contains("warning:"), "\(built.output)")

    let isolator = try load()
    #expect(log.lines.first == "info: org.example.everything: 4000 1024 cpu,memory")
    try plans(isolator)
    try measuresAndActs(isolator)
  }

  private func load() throws -> LoadedIsolator {
    let modules = "\(workspace.path)/modules"
    try FileManager.default.createDirectory(
      atPath: modules, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
    try FileManager.default.copyItem(
      atPath: "\(workspace.path)/everything/.build/release/libeverything.so", toPath: "\(modules)/libeverything.so")
    let host = try ModuleHost(
      product: "tepui-test", version: "0", directory: modules, configuration: nil,
      logger: Logger(label: "test") { [log] _ in log })
    let node = NodeDescription(cpus: 4000, memoryBytes: 1024, controllers: ["cpu", "memory"])
    return try #require(try host.loadIsolators(named: ["everything"], node: node).first)
  }

  /// One for which all is set.
  private var container: ContainerDescription {
    var container = ContainerDescription(
      id: "c", frameworkID: "f", executorID: "e", role: "r", user: "nobody", sandbox: "/s", isCommandTask: true,
      requests: [.init(name: "cpus", value: 1500), .init(name: "mem", value: 64000)],
      limits: [.init(name: "mem", value: .max)], pid: 17)
    container.isPod = true
    container.parentID = "p"
    container.sharesLimits = true
    container.hasOwnRoot = true
    container.wishes.effectiveCapabilities = 5
    container.wishes.boundingCapabilities = 4
    container.wishes.isUnconfined = true
    container.wishes.seccompProfile = "strict"
    container.wishes.hostname = "h"
    container.wishes.shmBytes = 6
    container.wishes.sharesHostPID = true
    container.wishes.sharesHostIPC = true
    return container
  }

  private func plans(_ isolator: LoadedIsolator) throws {
    let whileRunning: [PlanEntry] = [
      .cgroup(file: "memory.max", value: "64000"), .cgroupIfPresent(file: "memory.swap.max", value: "\(Int64.max)"),
      .watch(
        .init(
          limitation: .memory, file: "memory.events", key: "oom_kill", resource: "mem", limitFile: "memory.max",
          peakFile: "memory.peak", pressureFile: "memory.pressure",
          cause: .init(file: "memory.events.local", key: "oom"), least: 2)),
      .watch(.init(limitation: .noted, file: "memory.events", key: "high", resource: "")),
      .disk(.init(path: "/var/tmp", limitBytes: 4096, isEnforced: true, intervalNs: 1_000_000_000)),
    ]
    let told =
      "command;pod;shares limits;own root;unconfined;host pid;host ipc;c;f;e;r;/s;p;h;strict;5;4;6;"
      + "cpus=1500;mem=64000;mem=\(Int64.max)"
    #expect(
      try isolator.plan(container, running: false) == whileRunning + [
        .environment(name: "TOLD", value: told), .rlimit(name: "nofile", soft: 10, hard: .max),
        .namespaces([.mount, .uts]),
        .mount(
          .init(
            type: "tmpfs", source: "scratch", target: "/tmp", options: "size=1m",
            flags: [.noSUID, .noDevices, .noExecute])),
        .mount(.init(type: "", source: "/usr", target: "/usr", flags: [.bind, .readOnly, .recursive])),
        .mount(.init(type: "", source: "tmp", target: "/var/tmp", flags: [.bind, .fromSandbox, .forAll])),
        .hostname("h"), .device(.init(access: 3, kind: .character, major: 1, minor: 3)),
        .device(.init(access: 4, kind: .block, major: 8, minor: nil)),
        .capabilities(.init(bounding: 1 << 10 | 1, ofRoot: 1 << 10, ofOthers: 0)), .noNewPrivileges,
        .seccomp(filter: [6, 0, 0, 0, 0, 0, 0xff, 0x7f], flags: 4),
      ])
    #expect(try isolator.plan(container, running: true) == whileRunning)
    let plain = ContainerDescription(
      id: "c", frameworkID: "f", executorID: "e", role: "r", user: "nobody", sandbox: "/s", isCommandTask: false,
      requests: [])
    let alone = "c;f;e;r;/s;alone;no name;no profile;none;none;none"
    #expect(try isolator.plan(plain, running: false).contains(.environment(name: "TOLD", value: alone)))
    var refused = plain
    refused.user = "root"
    let failure = try #require(throws: IsolatorFailure.self) { try isolator.plan(refused, running: false) }
    #expect(failure.description == "isolator org.example.everything: not for root")
  }

  /// What it remembers of a step is there at the next one.
  private func measuresAndActs(_ isolator: LoadedIsolator) throws {
    let before = log.lines.count
    for step in [LifecycleStep.prepare, .isolate, .recover, .cleanup] { try isolator.perform(step, container) }
    let told = ["prepare", "isolate", "recover", "cleanup"].map { "info: org.example.everything: \($0) c 17" }
    #expect(Array(log.lines.dropFirst(before)) == told)
    var refused = container
    refused.id = "refused"
    let failure = try #require(throws: IsolatorFailure.self) { try isolator.perform(.prepare, refused) }
    #expect(failure.message == "prepare: no prepare of refused")
    #expect(
      try isolator.usage(container, cgroup: LongFile()) == ["mem_total_bytes": 70_000, "processes": 5])
  }

  private struct LongFile: CgroupReading {
    func read(_ file: String) -> String? {
      file == "memory.stat" ? String(repeating: "x", count: 70_000) : nil
    }
  }

  /// Log lines, `level: message`.
  private final class Lines: LogHandler, @unchecked Sendable {
    private let list = Mutex([String]())
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    var lines: [String] { list.withLock { $0 } }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { nil }
      set {}
    }

    func log(event: LogEvent) { list.withLock { $0.append("\(event.level): \(event.message)") } }
  }
}
