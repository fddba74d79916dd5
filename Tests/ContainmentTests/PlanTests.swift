import Containment
import ModuleHost
import Testing

extension ContainmentTests {
  @Suite struct PlanTests {
    private func merge(
      _ answers: [(isolator: String, entries: [PlanEntry])], running: Bool = false,
      controllers: Set<String>? = ["cpu", "memory"]
    ) throws(ContainerPlan.Refusal) -> ContainerPlan {
      try ContainerPlan(answers, running: running, controllers: controllers)
    }

    private func refusal(_ entries: PlanEntry..., running: Bool = false, controllers: Set<String>? = ["cpu", "memory"])
      -> String
    {
      do {
        _ = try merge([("a", entries)], running: running, controllers: controllers)
        return "none"
      } catch {
        return error.description
      }
    }

    @Test func keysKeepTheOrderOfTheIsolators() throws {
      let plan = try merge([
        ("a", [.cgroup(file: "cpu.max", value: "1000 100000"), .cgroup(file: "memory.max", value: "1")]),
        ("b", [.cgroup(file: "cpu.weight", value: "5"), .namespaces(.pid)]), ("c", [.namespaces(.ipc)]),
      ])
      #expect(plan.cgroup.map(\.file) == ["cpu.max", "memory.max", "cpu.weight"])
      #expect(plan.cgroup.map(\.isolator) == ["a", "a", "b"])
      #expect(plan.namespaces == [.pid, .ipc])
    }

    @Test func conflictNamesBothIsolatorsAndTheField() {
      let key = PlanEntry.cgroup(file: "memory.max", value: "1")
      #expect(throws: ContainerPlan.Refusal.conflict(field: "memory.max", isolators: ["a", "b"])) {
        try merge([("a", [key]), ("b", [key])])
      }
    }

    @Test func fieldThatOneIsolatorSetsTwiceIsRefused() {
      let variable = PlanEntry.environment(name: "X", value: "1")
      #expect(refusal(variable, variable) == "isolator a sets the environment variable X twice; it must set it once")
    }

    @Test(arguments: [
      "../memory.max", "memory/max", "", "memory", ".max", "/etc/passwd", "memory.max\n", "memory max.x",
    ])
    func fileOutsideOfTheGroupIsRefused(file: String) {
      #expect(
        refusal(.cgroup(file: file, value: "1"))
          == "isolator a: '\(file)' is not the name of a file in the container's own cgroup")
    }

    @Test(arguments: ["cgroup.procs", "cgroup.subtree_control", "cgroup.kill"])
    func filesOfTheTreeItselfAreTheAgents(file: String) {
      #expect(
        refusal(.cgroup(file: file, value: "1"))
          == "isolator a: \(file) is the agent's own; an isolator may not touch it")
    }

    @Test func missingControllerIsNamed() {
      #expect(
        refusal(.cgroup(file: "pids.max", value: "1"))
          == "isolator a: pids.max needs the controller 'pids'; this agent has: cpu, memory")
      #expect(
        refusal(.cgroup(file: "pids.max", value: "1"), controllers: nil)
          == "isolator a: pids.max needs cgroup v2, which this agent has not got")
    }

    @Test func valuesThatNoFileTakesAreRefused() {
      #expect(
        refusal(.cgroup(file: "cpu.max", value: "")) == "isolator a: the value for cpu.max is empty or holds a NUL")
    }

    @Test func watchedFilesAreHeldToTheSameRules() {
      let watch = PlanEntry.Watch(
        limitation: .memory, file: "memory.events", key: "oom_kill", resource: "mem", limitFile: "../x", peakFile: "")
      #expect(refusal(.watch(watch)) == "isolator a: '../x' is not the name of a file in the container's own cgroup")
    }

    @Test func unknownResourceLimitIsAnsweredWithTheKnownOnes() {
      #expect(refusal(.rlimit(name: "nofiles", soft: 1, hard: 1)).contains("there are as, core, cpu,"))
      #expect(
        refusal(.rlimit(name: "nofile", soft: 2, hard: 1))
          == "isolator a: resource limit nofile: soft 2 is above hard 1")
    }

    @Test(arguments: ["", "A=B", "A\0"]) func namesThatAreNoVariablesAreRefused(name: String) {
      #expect(
        refusal(.environment(name: name, value: ""))
          == "isolator a: '\(name)' is not a name for an environment variable")
    }

    @Test func mountNeedsANamespaceOfAnyIsolator() throws {
      let mount = PlanEntry.mount(
        .init(
          type: "tmpfs", source: "tmpfs", target: "/mnt"))
      #expect(
        refusal(mount) == "isolator a: the mount at /mnt needs a mount namespace; ask for TEPUI_NAMESPACE_MOUNT")
      #expect(try merge([("a", [mount]), ("b", [.namespaces(.mount)])]).mounts.count == 1)
    }

    @Test(arguments: ["mnt", "/mnt/../etc"]) func mountTargetMustBeAbsolute(target: String) {
      let mount = PlanEntry.mount(
        .init(
          type: "tmpfs", source: "tmpfs", target: target))
      #expect(refusal(mount) == "isolator a: the mount target '\(target)' is not an absolute path")
    }

    @Test func sourceOutsideOfTheSandboxIsRefused() {
      for source in ["/etc", "../etc", "a/../../etc"] {
        let mount = PlanEntry.mount(.init(type: "", source: source, target: "/mnt", flags: [.bind, .fromSandbox]))
        #expect(refusal(mount) == "isolator a: the mount source '\(source)' is not below the sandbox")
      }
    }

    @Test func hostsNameNeedsANamespaceOfAnyIsolator() throws {
      #expect(
        refusal(.hostname("x")) == "isolator a: the host's name needs a uts namespace; ask for TEPUI_NAMESPACE_UTS")
      #expect(try merge([("a", [.hostname("x")]), ("b", [.namespaces(.uts)])]).hostname == "x")
    }

    @Test(arguments: [
      (PlanEntry.hostname("x"), "the host's name"),
      (.capabilities(.init(bounding: 1, ofRoot: 1, ofOthers: 0)), "the capabilities"),
      (.seccomp(filter: [UInt8](repeating: 0, count: 8), flags: 0), "the filter of system calls"),
    ])
    func privilegesHaveOneOwner(entry: PlanEntry, field: String) {
      #expect(throws: ContainerPlan.Refusal.conflict(field: field, isolators: ["a", "b"])) {
        try merge([("a", [entry]), ("b", [entry])])
      }
      #expect(refusal(entry, running: true).hasSuffix("cannot be changed"))
    }

    @Test func severalMayWantNoNewPrivileges() throws {
      #expect(try merge([("a", [.noNewPrivileges]), ("b", [.noNewPrivileges])]).hasNoNewPrivileges)
    }

    @Test func capabilitiesBeyondTheBoundingSetAreRefused() {
      #expect(
        refusal(.capabilities(.init(bounding: 1, ofRoot: 1, ofOthers: 2)))
          == "isolator a: capabilities beyond the bounding set")
    }

    @Test func unknownNamespaceIsRefused() {
      #expect(refusal(.namespaces(.init(rawValue: 64))) == "isolator a: unknown namespaces 64")
    }
  }
}
