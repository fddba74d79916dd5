import Glibc
import ModuleHost

/// What all isolators together want of one container. Every field has one owner.
public struct ContainerPlan: Equatable, Sendable {
  public struct CgroupKey: Equatable, Sendable {
    public let file: String
    public let value: String
    public let isolator: String
    /// Left out where the kernel has no such file.
    public var isOptional = false

    /// What one isolator owns: the file, or the line of one device in it ("8:0 rbps=1048576").
    var field: String {
      let first = value.prefix { $0 != " " }
      let isDevice = first.contains(":") && first.allSatisfy { $0.isNumber || $0 == ":" }
      return isDevice ? "\(file) of device \(first)" : file
    }
  }

  public struct ResourceLimit: Equatable, Sendable {
    /// As setrlimit(2) takes it.
    public let resource: UInt32
    public let soft: UInt64
    public let hard: UInt64
  }

  /// In the order of the isolators and of their calls.
  public private(set) var cgroup: [CgroupKey] = []
  public private(set) var watches: [PlanEntry.Watch] = []
  public private(set) var environment: [String: String] = [:]
  public private(set) var rlimits: [ResourceLimit] = []
  public private(set) var namespaces: PlanEntry.Namespaces = []
  public private(set) var mounts: [PlanEntry.Mount] = []
  /// The only devices that it may use; empty for no restriction.
  public private(set) var devices: [PlanEntry.Device] = []
  public private(set) var disk: PlanEntry.Disk?
  public private(set) var hostname: String?
  public private(set) var capabilities: PlanEntry.Capabilities?
  public private(set) var hasNoNewPrivileges = false
  public private(set) var seccomp: Filter?

  /// What seccomp(2) installs.
  public struct Filter: Equatable, Sendable {
    public let instructions: [UInt8]
    public let flags: UInt32
  }

  /// Claims fields like an isolator, for what its ContainerInfo says.
  static let task = "the task"

  private var owners: [String: String] = [:]

  /// Wants nothing.
  init() {}

  /// A plan that cannot be carried out.
  public enum Refusal: Error, Equatable, CustomStringConvertible {
    case conflict(field: String, isolators: [String])
    case invalid(isolator: String, reason: String)

    public var description: String {
      switch self {
      case .conflict(let field, let isolators) where Set(isolators).count == 1:
        "\(Self.name(isolators[0])) sets \(field) twice; it must set it once"
      case .conflict(let field, let isolators) where isolators.contains(task):
        "\(isolators.map(Self.name).joined(separator: " and ")) both set \(field); only one of them can"
      case .conflict(let field, let isolators):
        "isolators \(isolators.joined(separator: " and ")) both set \(field); activate only one of them in --isolation"
      case .invalid(let isolator, let reason): "\(Self.name(isolator)): \(reason)"
      }
    }

    private static func name(_ claimant: String) -> String { claimant == task ? task : "isolator \(claimant)" }
  }

  /// Merges the answers of all isolators.
  /// - Parameter controllers: of cgroup v2 that containers can have; nil if there are no cgroups at all.
  public init(
    _ answers: [(isolator: String, entries: [PlanEntry])], running: Bool, controllers: Set<String>?
  ) throws(Refusal) {
    for (isolator, entries) in answers {
      for entry in entries {
        if running, !entry.fitsRunningContainer {
          throw .invalid(isolator: isolator, reason: "a running container's \(entry.fieldName) cannot be changed")
        }
        try add(entry, of: isolator, controllers: controllers)
      }
    }
    if let mount = mounts.first, !namespaces.contains(.mount) {
      throw .invalid(
        isolator: owners[Self.mountField(mount)] ?? "",
        reason: "the mount at \(mount.target) needs a mount namespace; ask for TEPUI_NAMESPACE_MOUNT")
    }
    if hostname != nil, !namespaces.contains(.uts) {
      throw .invalid(
        isolator: owners[Self.hostnameField] ?? "",
        reason: "\(Self.hostnameField) needs a uts namespace; ask for TEPUI_NAMESPACE_UTS")
    }
  }

  private static let hostnameField = "the host's name"

  /// Whether an isolator mounts something there.
  func mounts(at target: String) -> Bool { mounts.contains { $0.target == target } }

  /// Takes over what a plan for the running container changes; all else was decided at the launch.
  mutating func replaceCgroup(with plan: ContainerPlan) {
    cgroup = plan.cgroup
    watches = plan.watches
    disk = plan.disk
  }

  /// Leaves out what the cgroup of the pod has for all.
  mutating func leaveLimitsToPod() {
    cgroup = []
    watches = []
  }

  /// What holds for a command in the container's namespaces and groups: its rights and its environment.
  func forVisitors() -> ContainerPlan {
    var plan = ContainerPlan()
    plan.environment = environment
    plan.rlimits = rlimits
    plan.capabilities = capabilities
    plan.hasNoNewPrivileges = hasNoNewPrivileges
    plan.seccomp = seccomp
    return plan
  }

  /// Leaves out namespaces that it is to share with its pod.
  mutating func share(_ shared: PlanEntry.Namespaces) { namespaces.subtract(shared) }

  mutating func replaceValue(of file: String, with value: String) {
    guard let index = cgroup.firstIndex(where: { $0.file == file }) else { return }
    let key = cgroup[index]
    cgroup[index] = CgroupKey(file: file, value: value, isolator: key.isolator, isOptional: key.isOptional)
  }

  private mutating func add(
    _ entry: PlanEntry, of isolator: String, controllers: Set<String>?
  ) throws(Refusal) {
    switch entry {
    case .cgroup(let file, let value):
      try add(CgroupKey(file: file, value: value, isolator: isolator), controllers: controllers)
    case .cgroupIfPresent(let file, let value):
      try add(CgroupKey(file: file, value: value, isolator: isolator, isOptional: true), controllers: controllers)
    case .watch(let watch):
      let files = [watch.file, watch.limitFile, watch.peakFile, watch.pressureFile, watch.cause?.file ?? ""]
      for file in files where !file.isEmpty {
        try Self.check(file: file, value: "0", of: isolator, controllers: controllers)
      }
      try claim("the watch of \(watch.key) in \(watch.file)", for: isolator)
      watches.append(watch)
    case .environment(let name, let value):
      guard !name.isEmpty, !name.utf8.contains(UInt8(ascii: "=")), !name.utf8.contains(0), !value.utf8.contains(0)
      else { throw .invalid(isolator: isolator, reason: "'\(name)' is not a name for an environment variable") }
      try claim("the environment variable \(name)", for: isolator)
      environment[name] = value
    case .rlimit(let name, let soft, let hard):
      guard let resource = Self.resources[name] else {
        let known = Self.resources.keys.sorted().joined(separator: ", ")
        throw .invalid(isolator: isolator, reason: "unknown resource limit '\(name)'; there are \(known)")
      }
      guard soft <= hard else {
        throw .invalid(isolator: isolator, reason: "resource limit \(name): soft \(soft) is above hard \(hard)")
      }
      try claim("the resource limit \(name)", for: isolator)
      rlimits.append(ResourceLimit(resource: resource, soft: soft, hard: hard))
    case .namespaces(let wanted):
      guard wanted.rawValue < 64 else {
        throw .invalid(isolator: isolator, reason: "unknown namespaces \(wanted.rawValue)")
      }
      namespaces.formUnion(wanted)
    case .mount(let mount):
      try Self.check(mount, of: isolator)
      try claim(Self.mountField(mount), for: isolator)
      mounts.append(mount)
    case .device(let device):
      guard controllers != nil else {
        throw .invalid(isolator: isolator, reason: "devices need cgroup v2, which this agent has not got")
      }
      devices.append(device)
    case .disk(let disk):
      try claim("the measured disk", for: isolator)
      self.disk = disk
    case .hostname(let name):
      try claim(Self.hostnameField, for: isolator)
      hostname = name
    case .capabilities(let sets):
      guard (sets.ofRoot | sets.ofOthers) & ~sets.bounding == 0 else {
        throw .invalid(isolator: isolator, reason: "capabilities beyond the bounding set")
      }
      try claim("the capabilities", for: isolator)
      capabilities = sets
    case .noNewPrivileges: hasNoNewPrivileges = true
    case .seccomp(let filter, let flags):
      guard !filter.isEmpty, filter.count % 8 == 0, filter.count <= 4096 * 8 else {
        throw .invalid(isolator: isolator, reason: "a filter of \(filter.count) bytes is none")
      }
      try claim("the filter of system calls", for: isolator)
      seccomp = Filter(instructions: filter, flags: flags)
    }
  }

  private static func check(_ mount: PlanEntry.Mount, of isolator: String) throws(Refusal) {
    guard mount.target.hasPrefix("/"), !mount.target.split(separator: "/").contains("..") else {
      throw .invalid(isolator: isolator, reason: "the mount target '\(mount.target)' is not an absolute path")
    }
    let leavesSandbox = mount.source.hasPrefix("/") || mount.source.split(separator: "/").contains("..")
    guard !mount.flags.contains(.fromSandbox) || !leavesSandbox else {
      throw .invalid(isolator: isolator, reason: "the mount source '\(mount.source)' is not below the sandbox")
    }
  }

  private mutating func add(_ key: CgroupKey, controllers: Set<String>?) throws(Refusal) {
    try Self.check(file: key.file, value: key.value, of: key.isolator, controllers: controllers)
    try claim(key.field, for: key.isolator)
    cgroup.append(key)
  }

  private mutating func claim(_ field: String, for isolator: String) throws(Refusal) {
    if let owner = owners.updateValue(isolator, forKey: field) {
      throw .conflict(field: field, isolators: [owner, isolator])
    }
  }

  private static func mountField(_ mount: PlanEntry.Mount) -> String { "the mount at \(mount.target)" }

  /// A key lies in the container's own group and belongs to a controller: "cgroup.procs" and the like would move
  /// processes or change the tree, which are containment's alone.
  private static func check(
    file: String, value: String, of isolator: String, controllers: Set<String>?
  ) throws(Refusal) {
    let isName = !file.isEmpty && file.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") }
    guard isName, let dot = file.firstIndex(of: "."), dot > file.startIndex else {
      throw .invalid(isolator: isolator, reason: "'\(file)' is not the name of a file in the container's own cgroup")
    }
    let controller = String(file[..<dot])
    guard controller != "cgroup" else {
      throw .invalid(isolator: isolator, reason: "\(file) is the agent's own; an isolator may not touch it")
    }
    guard let controllers else {
      throw .invalid(isolator: isolator, reason: "\(file) needs cgroup v2, which this agent has not got")
    }
    guard controllers.contains(controller) else {
      let offered = controllers.sorted().joined(separator: ", ")
      throw .invalid(
        isolator: isolator, reason: "\(file) needs the controller '\(controller)'; this agent has: \(offered)")
    }
    guard !value.isEmpty, !value.utf8.contains(0) else {
      throw .invalid(isolator: isolator, reason: "the value for \(file) is empty or holds a NUL")
    }
  }

  private static let resources: [String: UInt32] = [
    "as": UInt32(RLIMIT_AS.rawValue), "core": UInt32(RLIMIT_CORE.rawValue), "cpu": UInt32(RLIMIT_CPU.rawValue),
    "data": UInt32(RLIMIT_DATA.rawValue), "fsize": UInt32(RLIMIT_FSIZE.rawValue),
    "locks": UInt32(__RLIMIT_LOCKS.rawValue), "memlock": UInt32(__RLIMIT_MEMLOCK.rawValue),
    "msgqueue": UInt32(__RLIMIT_MSGQUEUE.rawValue), "nice": UInt32(__RLIMIT_NICE.rawValue),
    "nofile": UInt32(RLIMIT_NOFILE.rawValue), "nproc": UInt32(__RLIMIT_NPROC.rawValue),
    "rss": UInt32(__RLIMIT_RSS.rawValue), "rtprio": UInt32(__RLIMIT_RTPRIO.rawValue),
    "rttime": UInt32(__RLIMIT_RTTIME.rawValue), "sigpending": UInt32(__RLIMIT_SIGPENDING.rawValue),
    "stack": UInt32(RLIMIT_STACK.rawValue),
  ]
}

extension PlanEntry {
  /// Only cgroup files and what is watched can change while processes run.
  fileprivate var fitsRunningContainer: Bool {
    switch self {
    case .cgroup, .cgroupIfPresent, .watch, .disk: true
    case .environment, .rlimit, .namespaces, .mount, .device: false
    case .hostname, .capabilities, .noNewPrivileges, .seccomp: false
    }
  }

  fileprivate var fieldName: String {
    switch self {
    case .cgroup(let file, _), .cgroupIfPresent(let file, _): file
    case .watch(let watch): "watch of \(watch.file)"
    case .environment: "environment"
    case .rlimit: "resource limit"
    case .namespaces: "namespaces"
    case .mount: "mount"
    case .device: "devices"
    case .disk: "disk"
    case .hostname: "host's name"
    case .capabilities: "capabilities"
    case .noNewPrivileges: "no_new_privs"
    case .seccomp: "filter of system calls"
    }
  }
}
