import Foundation
import ModuleHost
import Testing

/// The modules that decide what a container sees and may do, loaded from their shared libraries.
@Suite struct PrivilegeModuleTests {
  private func load(_ module: String, _ parameters: String = "{}") throws -> LoadedIsolator {
    try loadIsolator(module, parameters)
  }

  private func container(sandbox: String = "/var/sandbox") -> ContainerDescription {
    ContainerDescription(
      id: "0123456789abcdef", frameworkID: "f1", executorID: "e1", role: "dev", user: "nobody", sandbox: sandbox,
      isCommandTask: true, requests: [])
  }

  private func refusal(_ module: String, _ parameters: String) throws -> String {
    try #require(throws: ModuleError.self) { try load(module, parameters) }.message
  }

  // MARK: Namespaces

  private let closed: PlanEntry.Mount.Flags = [.noSUID, .noDevices, .noExecute]

  @Test func aContainerSeesOnlyItsOwn() throws {
    #expect(
      try load("namespaces").plan(container(), running: false) == [
        .namespaces([.mount, .pid, .ipc, .uts]),
        .mount(.init(type: "proc", source: "proc", target: "/proc", flags: closed)),
        .mount(
          .init(
            type: "tmpfs", source: "tmpfs", target: "/dev/shm", options: "mode=1777,size=67108864", flags: closed)),
        .mount(
          .init(
            type: "", source: "tmp", target: "/tmp", flags: [.noSUID, .noDevices, .bind, .fromSandbox, .forAll])),
      ])
    #expect(try load("namespaces").plan(container(), running: true) == [])
  }

  @Test func parametersOfNamespacesHold() throws {
    var container = container()
    container.wishes.shmBytes = 1 << 20
    let plan = try load(
      "namespaces",
      """
      {"pid": false, "uts": true, "cgroup": true, "network": "none", "tmp": "tmpfs", "hostname": "container",
       "binds": "/usr,/opt/x:/opt"}
      """
    ).plan(container, running: false)
    let readOnly: PlanEntry.Mount.Flags = [.bind, .recursive, .readOnly]
    #expect(
      plan == [
        .namespaces([.mount, .ipc, .uts, .cgroup, .network]),
        .mount(.init(type: "", source: "/usr", target: "/usr", flags: readOnly)),
        .mount(.init(type: "", source: "/opt/x", target: "/opt", flags: readOnly)),
        .mount(
          .init(type: "tmpfs", source: "tmpfs", target: "/dev/shm", options: "mode=1777,size=1048576", flags: closed)),
        .mount(
          .init(type: "tmpfs", source: "tmpfs", target: "/tmp", options: "mode=1777", flags: [.noSUID, .noDevices])),
        .hostname("0123456789ab"),
      ])
  }

  @Test func aSandboxInTmpIsNotHidden() throws {
    let plan = try load("namespaces").plan(container(sandbox: "/tmp/agent/sandbox"), running: false)
    #expect(!plan.contains { if case .mount(let mount) = $0 { mount.target == "/tmp" } else { false } })
  }

  @Test func theHostsNamespacesAreForThoseWhoMay() throws {
    var container = container()
    container.wishes.sharesHostPID = true
    let failure = try #require(throws: IsolatorFailure.self) {
      try load("namespaces").plan(container, running: false)
    }
    #expect(failure.message.contains("the host's pid namespace, which allow_sharing=false keeps from it"))
    let plan = try load("namespaces", #"{"allow_sharing": true}"#).plan(container, running: false)
    #expect(plan.first == .namespaces([.mount, .ipc, .uts]))
  }

  @Test func namespacesThatMakeNoSenseAreRefused() throws {
    #expect(try refusal("namespaces", #"{"mount": false}"#).contains("pid and binds need mount"))
    #expect(try refusal("namespaces", #"{"binds": "/usr,lib"}"#).contains(#"binds: "lib" is not an absolute path"#))
  }

  // MARK: Privileges

  private let dockers: UInt64 = 0xa804_25fb
  private let kill: UInt64 = 0x20
  private let netRaw: UInt64 = 0x2000
  private let sysAdmin: UInt64 = 0x20_0000
  private let checkpointRestore: UInt64 = 0x100_0000_0000

  @Test func rootHasTheUsualSetAndOthersNothing() throws {
    #expect(
      try load("privileges").plan(container(), running: false) == [
        .capabilities(.init(bounding: dockers, ofRoot: dockers, ofOthers: 0)), .noNewPrivileges,
      ])
    #expect(try load("privileges").plan(container(), running: true) == [])
  }

  @Test func listsOfCapabilitiesAreNamesByComma() throws {
    let plan = try load(
      "privileges",
      #"{"bounding": "CAP_NET_RAW, kill,checkpoint_restore", "root": "kill", "others": "net_raw", "no_new_privs": false}"#
    ).plan(container(), running: false)
    let sets = PlanEntry.Capabilities(bounding: netRaw | kill | checkpointRestore, ofRoot: kill, ofOthers: netRaw)
    #expect(plan == [.capabilities(sets)])
    #expect(try refusal("privileges", #"{"bounding": "flying"}"#).contains(#"bounding: "flying" is not a capability"#))
    #expect(try refusal("privileges", #"{"others": "sys_admin"}"#).contains("may hold only what bounding holds"))
  }

  @Test func aTaskHasWhatItAsksForWithinTheBoundingSet() throws {
    var container = container()
    container.wishes.effectiveCapabilities = netRaw
    container.wishes.boundingCapabilities = netRaw | kill
    let sets = PlanEntry.Capabilities(bounding: netRaw | kill, ofRoot: netRaw, ofOthers: netRaw)
    #expect(try load("privileges").plan(container, running: false).first == .capabilities(sets))
    container.wishes.boundingCapabilities = nil
    container.wishes.effectiveCapabilities = netRaw | sysAdmin | (1 << 62)
    let failure = try #require(throws: IsolatorFailure.self) {
      try load("privileges").plan(container, running: false)
    }
    #expect(
      failure.message
        == "the task asks for effective_capabilities that this agent allows to nobody: sys_admin, 62")
  }

  // MARK: Seccomp

  private func filter(_ plan: [PlanEntry]) -> [UInt8]? {
    for case .seccomp(let filter, _) in plan { return filter }
    return nil
  }

  private func profiles(_ files: [String: String]) throws -> String {
    let directory = FileManager.default.temporaryDirectory.appending(path: "tepui-profiles-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    for (name, content) in files {
      try content.write(to: directory.appending(path: name), atomically: true, encoding: .utf8)
    }
    return directory.path
  }

  private static let docker = """
    {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
     "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]}],
     "syscalls": [
       {"names": ["read", "write", "exit_group", "nosuchcall"], "action": "SCMP_ACT_ALLOW"},
       {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
        "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]},
       {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
       {"name": "ptrace", "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}}]}
    """

  @Test func theBuiltInProfileIsAFilter() throws {
    let seccomp = try load("seccomp")
    let one = try #require(filter(try seccomp.plan(container(), running: false)))
    #expect(one.count % 8 == 0 && one.count > 50 * 8)
    #expect(filter(try seccomp.plan(container(), running: false)) == one)
    #expect(try seccomp.plan(container(), running: true) == [])
  }

  @Test func aProfileOfDockersFormIsCompiledForTheTasksCapabilities() throws {
    let directory = try profiles(["docker.json": Self.docker])
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let seccomp = try load("seccomp", #"{"config_dir": "\#(directory)"}"#)
    var container = container()
    let builtin = filter(try seccomp.plan(container, running: false))
    container.wishes.seccompProfile = "docker.json"
    let plain = try #require(filter(try seccomp.plan(container, running: false)))
    #expect(plain != builtin)
    container.wishes.effectiveCapabilities = sysAdmin
    #expect(filter(try seccomp.plan(container, running: false)) != plain)
    container.wishes.seccompProfile = "../docker.json"
    #expect(throws: IsolatorFailure.self) { try seccomp.plan(container, running: false) }
    container.wishes.seccompProfile = "missing.json"
    let failure = try #require(throws: IsolatorFailure.self) { try seccomp.plan(container, running: false) }
    #expect(failure.message.contains("missing.json"))
  }

  @Test func noFilterIsForThoseWhoMay() throws {
    var container = container()
    container.wishes.isUnconfined = true
    #expect(throws: IsolatorFailure.self) { try load("seccomp").plan(container, running: false) }
    #expect(try load("seccomp", #"{"allow_unconfined": true}"#).plan(container, running: false) == [])
  }

  @Test(arguments: [
    ("{", "line 1"), ("{}", "has no known defaultAction"),
    (#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"]}]}"#, "a rule without a known action"),
    (
      #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_KILL", "args": [{"index": 9, "op": "SCMP_CMP_EQ"}]}]}"#,
      "an argument that has no index from 0 to 5"
    ),
    (#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_Z80"]}"#, "unknown architecture"),
    (#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [7], "action": "SCMP_ACT_KILL"}]}"#, "is not a text"),
  ])
  func aBadProfileIsToldAtTheStart(text: String, problem: String) throws {
    let directory = try profiles(["bad.json": text])
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let message = try refusal("seccomp", #"{"config_dir": "\#(directory)", "profile_name": "bad.json"}"#)
    #expect(message.contains(problem), "\(message)")
  }
}
