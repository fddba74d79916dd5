import CTepui

/// A container that is to be launched, or that runs.
public struct Container {
  let raw: UnsafePointer<tepui_container>

  public var id: String { String(raw.pointee.id) }
  public var framework: String { String(raw.pointee.framework) }
  /// For a command task the task's id.
  public var executor: String { String(raw.pointee.executor) }
  public var role: String { String(raw.pointee.role) }
  public var user: String { String(raw.pointee.user) }
  /// Absolute path on the host.
  public var sandbox: String { String(raw.pointee.sandbox) }
  /// Runs one command, without an executor of the framework's own.
  public var isCommandTask: Bool { has(TEPUI_CONTAINER_COMMAND_TASK) }
  /// It runs already: the plan is for a change of its resources, and only cgroup files, watches and disks may be in it.
  public var isRunning: Bool { has(TEPUI_CONTAINER_RUNNING) }
  /// Runs nothing itself, but holds the containers of a group's tasks together.
  public var isPod: Bool { has(TEPUI_CONTAINER_POD) }
  /// Id of the pod's container that it runs in; nil for most. It is in the network, ipc and uts namespaces of the pod
  /// unless the plan asks for some of its own.
  public var parent: String? { text(raw.pointee.parent) }
  /// Within a pod whose cgroup alone limits it: cgroup files and watches of a plan are left out.
  public var sharesLimits: Bool { has(TEPUI_CONTAINER_SHARES_LIMITS) }
  /// Has a root file system of its own: targets of mounts lie in that.
  public var hasOwnRoot: Bool { has(TEPUI_CONTAINER_OWN_ROOT) }
  /// Of the first process; 0 before the launch.
  public var pid: Int64 { raw.pointee.pid }

  /// What it is entitled to of a resource, in thousandths; nil if it asked for none.
  public func request(_ name: String) -> Int64? { requests.first { $0.name == name }?.value }
  /// What it may burst to; `Int64.max` is no bound, and nil no limit of its own.
  public func limit(_ name: String) -> Int64? { limits.first { $0.name == name }?.value }

  /// All that it is entitled to: scalar resources by name, in thousandths.
  public var requests: [(name: String, value: Int64)] { amounts(raw.pointee.requests, raw.pointee.request_count) }
  /// All limits, likewise.
  public var limits: [(name: String, value: Int64)] { amounts(raw.pointee.limits, raw.pointee.limit_count) }

  private func amounts(_ start: UnsafePointer<tepui_amount>?, _ count: UInt32) -> [(name: String, value: Int64)] {
    guard let start, count > 0 else { return [] }
    // Walked by the size that the host gives, which may be larger than ours.
    let stride = Int(start.pointee.size)
    return (0..<Int(count)).map { index in
      let amount = (UnsafeRawPointer(start) + index * stride).assumingMemoryBound(to: tepui_amount.self)
      return (String(amount.pointee.name), amount.pointee.value)
    }
  }

  private func has(_ flag: UInt32) -> Bool { raw.pointee.flags & flag != 0 }

  private func text(_ text: tepui_text) -> String? { text.length == 0 ? nil : String(text) }
}

/// What the task asks for beside resources. Whether it gets that is for isolators to say; what is asked for and planned
/// by none fails the launch.
extension Container {
  /// That its command should have.
  public var effectiveCapabilities: Capabilities? {
    has(TEPUI_CONTAINER_ASKS_EFFECTIVE) ? Capabilities(rawValue: raw.pointee.effective_capabilities) : nil
  }
  /// Beyond which it should never come.
  public var boundingCapabilities: Capabilities? {
    has(TEPUI_CONTAINER_ASKS_BOUNDING) ? Capabilities(rawValue: raw.pointee.bounding_capabilities) : nil
  }
  /// No filter of system calls.
  public var isUnconfined: Bool { has(TEPUI_CONTAINER_ASKS_UNCONFINED) }
  /// Name of a profile for one.
  public var seccompProfile: String? { text(raw.pointee.seccomp_profile) }
  /// The agent's pid namespace.
  public var sharesHostPID: Bool { has(TEPUI_CONTAINER_ASKS_HOST_PID) }
  /// The agent's ipc namespace.
  public var sharesHostIPC: Bool { has(TEPUI_CONTAINER_ASKS_HOST_IPC) }
  /// Size of /dev/shm.
  public var shmBytes: Int64? { raw.pointee.shm_bytes == 0 ? nil : raw.pointee.shm_bytes }
  public var hostname: String? { text(raw.pointee.hostname) }
}

/// A set of capabilities.
public struct Capabilities: OptionSet, Sendable {
  public let rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The capability that has this number in capabilities(7): 10 is CAP_NET_BIND_SERVICE.
  public init(number: Int) { rawValue = (0..<64).contains(number) ? 1 << UInt64(number) : 0 }
}
