import Foundation
import ModuleHost
import Testing

/// An isolator behind the border: what it says arrives, what it must not say is refused.
@Suite struct IsolatorTests {
  private let workspace = try! Workspace()

  private func isolator(
    _ behaviour: String = "good", _ macros: [String: String] = [:], onFailure: String = "fail",
    deadline: String = "5secs"
  ) throws -> (LoadedIsolator, ModuleHost) {
    try workspace.build("isolator", as: "libisolator.so", macros)
    let host = try workspace.host(
      """
      {"libraries": [{"name": "isolator", "modules": [
         {"name": "org.example.isolator", "parameters": {"behaviour": "\(behaviour)"}}]}],
       "isolators": [{"module": "org.example.isolator", "on_failure": "\(onFailure)", "deadline": "\(deadline)"}]}
      """)
    return (try #require(try host.loadIsolators(named: nil, node: .test).first), host)
  }

  @Test func theNodeIsToldAtTheStart() throws {
    _ = try isolator()
    #expect(
      workspace.log.lines.contains(
        "info: org.example.isolator: cpus 4000, memory 8589934592, first of 3 controllers cpu"))
  }

  /// Such a call stops the thread that containers are launched and ended on.
  @Test func aCallThatDoesNotReturnIsToldWhileItLasts() async throws {
    let (isolator, host) = try isolator("hangs", deadline: "10ms")
    var container = ContainerDescription.test
    container.sandbox = workspace.path
    let call = Task.detached { [container] in try isolator.plan(container, running: false) }
    let line = "error: org.example.isolator: a plan of container \(container.id) has not returned for "
    var told: String?
    for _ in 0..<6000 where told == nil {
      told = workspace.log.lines.first { $0.hasPrefix(line) }
      try await Task.sleep(for: .milliseconds(10))
    }
    #expect(
      told?.hasSuffix("; this agent launches and ends no container until it does; if it never does, restart without it")
        == true)
    #expect(FileManager.default.createFile(atPath: "\(workspace.path)/go", contents: nil))
    #expect(try await call.value.isEmpty)
    #expect(workspace.log.lines.count { $0.hasPrefix(line) } == 1)
    withExtendedLifetime(host) {}
  }

  @Test func aPlanArrivesWhole() throws {
    let plan = try isolator().0.plan(.test, running: false)
    #expect(
      plan == [
        .cgroup(file: "cpu.weight", value: "1500/64000"),
        .watch(
          .init(
            limitation: .memory, file: "memory.events", key: "oom_kill", resource: "mem", limitFile: "", peakFile: "")),
        .environment(name: "WHO", value: "nobody"),
        .rlimit(name: "nofile", soft: 10, hard: .max),
        .namespaces([.mount, .pid]),
        .mount(
          .init(
            type: "", source: "/usr", target: "/usr", flags: [.bind, .readOnly])),
      ])
  }

  @Test func privilegesArriveWhole() throws {
    #expect(
      try isolator("privileges").0.plan(.test, running: false) == [
        .hostname("mesa"), .capabilities(.init(bounding: 7, ofRoot: 3, ofOthers: 1)), .noNewPrivileges,
        .seccomp(filter: Array("12345678".utf8), flags: 4),
      ])
    #expect(throws: IsolatorFailure.self) { try isolator("privileges").0.plan(.test, running: true) }
  }

  @Test func whatTheTaskAsksForArrives() throws {
    var container = ContainerDescription.test
    container.hasOwnRoot = true
    container.wishes.effectiveCapabilities = 5
    container.wishes.boundingCapabilities = 4
    container.wishes.hostname = "mesa"
    container.wishes.seccompProfile = "strict.json"
    #expect(
      try isolator("wishes").0.plan(container, running: false) == [
        .capabilities(.init(bounding: 5, ofRoot: 4, ofOthers: 0)), .hostname("mesa"),
        .environment(name: "PROFILE", value: "strict.json"),
      ])
  }

  @Test func aRunningContainerIsMarkedAsSuch() throws {
    #expect(try isolator().0.plan(.test, running: true).count == 2)
  }

  @Test(arguments: [
    "other cgroup": "the cgroup file \"../memory.max\"",
    "no controller": "the cgroup file io.max, but this agent does not have the controller io",
    "not text": "a value of cpu.max that is no text",
    "null text": "a name of an environment variable that is no text",
    "no limit": "the resource limit \"beer\"; there are as, core",
    "upside down": "the resource limit nofile with a soft limit above the hard one",
    "odd namespaces": "namespaces 1073741824, of which this host does not know all",
    "relative mount": "a mount on \"/sandbox/../etc\", which is no absolute path without ..",
    "null mount": "a mount without a target",
    "small watch": "a watch without a file and a key",
    "odd device": "a device of the kind 7, which this host does not know",
    "idle device": "a device with the access 0, of which this host does not know all",
    "negative device": "a device with the major number -2",
    "relative disk": "a disk at \"sandbox\", which is no absolute path without ..",
    "busy disk": "a disk with the limit 0 and the interval 0 ns",
    "flood": "more than 1024 entries",
    "long name": "the host's name",
    "too many capabilities": "capabilities beyond the bounding set",
    "odd mount": "a mount on /mnt with flags 256, of which this host does not know all",
    "half an instruction": "a filter of 7 bytes; it must be 1 to 4096 instructions of 8 bytes",
    "no filter": "a filter of 8 bytes",
    "odd filter": "a filter with flags 1, of which this host does not know all",
  ])
  func whatIsNeverAllowedRefusesThePlanByName(behaviour: String, text: String) throws {
    let (isolator, host) = try isolator(behaviour)
    let failure = try #require(throws: IsolatorFailure.self) { try isolator.plan(.test, running: false) }
    #expect(failure.description.hasPrefix("isolator org.example.isolator: its plan is refused: \(text)"))
    #expect(host.modules[0].statistics.refusals > 0)
  }

  @Test func whatIsForLaunchesOnlyIsRefusedForARunningContainer() throws {
    let (isolator, _) = try isolator("late variable")
    #expect(try isolator.plan(.test, running: false).count == 1)
    let failure = try #require(throws: IsolatorFailure.self) { try isolator.plan(.test, running: true) }
    #expect(failure.message == "its plan is refused: an environment variable for a running container")
  }

  @Test func aFailureIsToldAndCounted() throws {
    let (isolator, host) = try isolator("fail")
    let failure = try #require(throws: IsolatorFailure.self) { try isolator.plan(.test, running: false) }
    #expect(failure == IsolatorFailure(isolator: "org.example.isolator", message: "no room for c1"))
    #expect(throws: IsolatorFailure.self) { try isolator.perform(.prepare, .test) }
    #expect(host.modules[0].statistics.calls == 2)
    #expect(host.modules[0].statistics.failures == 2)
  }

  @Test func withOnFailureContinueTheContainerDoesWithoutIt() throws {
    let (isolator, host) = try isolator("fail", onFailure: "continue")
    #expect(try isolator.plan(.test, running: false) == [])
    try isolator.perform(.prepare, .test)
    #expect(host.modules[0].statistics.failures == 2)
    #expect(
      workspace.log.lines.contains("warning: org.example.isolator: container c1 does without it: no room for c1"))
  }

  @Test func usageReadsOnlyTheContainersOwnFiles() throws {
    struct Files: CgroupReading {
      func read(_ file: String) -> String? { file == "memory.current" ? "1234567890123\n" : nil }
    }
    let (isolator, host) = try isolator()
    let usage = try isolator.usage(.test, cgroup: Files())
    // 8 bytes is all the room that the fixture has; not-a-number was refused.
    #expect(usage == ["mem_total_bytes": 8, "processes": 1, "threads": 2])
    #expect(host.modules[0].statistics.refusals == 2)
  }

  @Test func aSinkThatWasKeptIsShut() throws {
    struct NoFiles: CgroupReading {
      func read(_ file: String) -> String? { nil }
    }
    let (isolator, _) = try isolator("kept sink")
    _ = try isolator.plan(.test, running: false)
    #expect(try isolator.usage(.test, cgroup: NoFiles())["kept_sink_is_shut"] == 1)
    #expect(try isolator.plan(.test, running: false) == [])
  }

  @Test func stepsOfTheLifecycleArrive() throws {
    let (isolator, _) = try isolator()
    try isolator.perform(.prepare, .test)
    try isolator.perform(.isolate, .test)
    try isolator.perform(.cleanup, .test)
    #expect(
      workspace.log.lines.suffix(2) == [
        "info: org.example.isolator: prepare c1", "info: org.example.isolator: cleanup c1",
      ])
  }

  @Test func anOlderTableEndsWhereItSaysSo() throws {
    let (isolator, _) = try isolator("good", ["LIFECYCLE_SIZE": "offsetof(tepui_isolator_lifecycle, cleanup)"])
    try isolator.perform(.prepare, .test)
    try isolator.perform(.cleanup, .test)
    #expect(workspace.log.lines.last == "info: org.example.isolator: prepare c1")
  }
}

extension ContainerDescription {
  static let test = ContainerDescription(
    id: "c1", frameworkID: "f1", executorID: "e1", role: "dev", user: "nobody", sandbox: "/sandbox",
    isCommandTask: true, requests: [.init(name: "cpus", value: 1500), .init(name: "mem", value: 64000)],
    limits: [.init(name: "mem", value: 64000)])
}
