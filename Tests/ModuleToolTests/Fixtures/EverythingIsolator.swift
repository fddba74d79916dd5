import TepuiModule

/// Says all that an isolator can say, and reads all that it can be told.
struct EverythingIsolator: MeasuringIsolator, ActingIsolator {
  static let descriptor = Descriptor(
    id: "org.example.everything", version: "1.0.0", author: "You", licence: "MIT",
    summary: "Says all that an isolator can say.")

  private let log: Log
  /// What was done with containers until now.
  private var steps: [String] = []

  init(node: Node, parameters: Parameters, log: Log) throws {
    self.log = log
    log.info("\(node.cpus) \(node.memoryBytes) \(node.controllers.joined(separator: ","))")
  }

  mutating func plan(_ container: Container, _ plan: Plan) throws {
    if container.user == "root" { throw Failure("not for root") }
    plan.cgroup("memory.max", "\(container.request("mem") ?? 0)")
    plan.cgroupIfPresent("memory.swap.max", "\(container.limit("mem") ?? 0)")
    var watch = Watch("memory.events", "oom_kill", limitation: .memory, resource: "mem")
    (watch.limitFile, watch.peakFile, watch.pressureFile) = ("memory.max", "memory.peak", "memory.pressure")
    watch.cause = ("memory.events.local", "oom")
    watch.least = 2
    plan.watch(watch)
    plan.watch(Watch("memory.events", "high", limitation: .none, resource: ""))
    plan.disk("/var/tmp", limitBytes: 4096, enforced: true, intervalNs: 1_000_000_000)
    if container.isRunning { return }
    plan.environment("TOLD", told(of: container))
    plan.rlimit("nofile", soft: 10, hard: .max)
    plan.namespaces([.mount, .uts])
    plan.mount("tmpfs", at: "/tmp", source: "scratch", options: "size=1m", [.noSUID, .noDevices, .noExecute])
    plan.bind("/usr", at: "/usr", [.readOnly, .recursive])
    plan.bind("tmp", at: "/var/tmp", [.fromSandbox, .forAll])
    plan.hostname(String(container.hostname?.prefix(16) ?? "mesa"))
    plan.device(Device(.character, major: 1, minor: 3, access: [.read, .write]))
    plan.device(Device(.block, major: 8, minor: nil, access: .make))
    let bind = Capabilities(number: 10)
    plan.capabilities(bounding: [bind, Capabilities(number: 0)], ofRoot: bind, ofOthers: [])
    plan.noNewPrivileges()
    // One instruction, BPF_RET | BPF_K with SECCOMP_RET_ALLOW.
    plan.seccomp([6, 0, 0, 0, 0, 0, 0xff, 0x7f], flags: 4)
  }

  private func told(of container: Container) -> String {
    let flags = [
      ("command", container.isCommandTask), ("pod", container.isPod), ("shares limits", container.sharesLimits),
      ("own root", container.hasOwnRoot), ("unconfined", container.isUnconfined),
      ("host pid", container.sharesHostPID), ("host ipc", container.sharesHostIPC),
    ]
    let texts = [
      container.id, container.framework, container.executor, container.role, container.sandbox,
      container.parent ?? "alone", container.hostname ?? "no name", container.seccompProfile ?? "no profile",
    ]
    let numbers = [
      container.effectiveCapabilities.map { "\($0.rawValue)" }, container.boundingCapabilities.map { "\($0.rawValue)" },
      container.shmBytes.map { "\($0)" },
    ]
    let amounts = (container.requests + container.limits).map { "\($0.name)=\($0.value)" }
    return (flags.filter(\.1).map(\.0) + texts + numbers.map { $0 ?? "none" } + amounts).joined(separator: ";")
  }

  mutating func measure(_ container: Container, _ usage: Usage) throws {
    // What is read may be longer than any buffer to begin with.
    if let text = usage.read("memory.stat") { usage.report("mem_total_bytes", Double(text.utf8.count)) }
    if usage.read("memory.missing") == nil, usage.report("cpus_limit", -1) == false {
      usage.report("processes", Double(steps.count))
    }
  }

  mutating func prepare(_ container: Container) throws { try step("prepare", container) }
  mutating func isolate(_ container: Container) throws { try step("isolate", container) }
  mutating func recover(_ container: Container) throws { try step("recover", container) }
  mutating func cleanup(_ container: Container) throws { try step("cleanup", container) }

  private mutating func step(_ name: String, _ container: Container) throws {
    steps.append(name)
    if container.id == "refused" { throw Failure("no \(name) of \(container.id)") }
    log.info("\(name) \(container.id) \(container.pid)")
  }
}

@c(tepui_module_entry)
public func entry(host: HostPointer, module: ModulePointer, error: ErrorPointer) -> tepui_status {
  export(EverythingIsolator.self, host, module, error)
}
