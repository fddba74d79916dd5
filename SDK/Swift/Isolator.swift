import CTepui

/// One concern of containment: what a container should look like.
///
/// A module is a library with one such type and its entry function, as for an `Allocator`. `tepui/isolator.h` has the
/// whole contract. Calls come from one thread at a time, which may block.
public protocol Isolator {
  /// Who this module is.
  static var descriptor: Descriptor { get }

  /// Throw a `Failure` to keep the agent from starting, with its text: this is the place to say that a controller is
  /// missing.
  init(node: Node, parameters: Parameters, log: Log) throws

  /// Answers into `plan`. Neither it nor the container may be kept. An error that is thrown fails the launch, or leaves
  /// a running container as it is.
  mutating func plan(_ container: Container, _ plan: Plan) throws
}

/// The machine that the agent runs on.
public struct Node {
  let raw: UnsafePointer<tepui_node>

  /// CPUs that are online, in thousandths.
  public var cpus: Int64 { raw.pointee.cpus }
  public var memoryBytes: Int64 { raw.pointee.memory_bytes }
  /// Of cgroup v2 that the agent can hand to containers: `cpu`, `memory`, …
  public var controllers: [String] {
    (0..<Int(raw.pointee.controller_count)).map { String(raw.pointee.controllers[$0]) }
  }
}

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
  public var isCommandTask: Bool { raw.pointee.flags & TEPUI_CONTAINER_COMMAND_TASK != 0 }
  /// It runs already: the plan is for a change of its resources, and only cgroup files and watches may be in it.
  public var isRunning: Bool { raw.pointee.flags & TEPUI_CONTAINER_RUNNING != 0 }
  /// Of the first process; 0 before the launch.
  public var pid: Int64 { raw.pointee.pid }

  /// What it is entitled to of a resource, in thousandths; nil if it asked for none.
  public func request(_ name: String) -> Int64? { amount(name, raw.pointee.requests, raw.pointee.request_count) }
  /// What it may burst to; `Int64.max` is no bound, and nil no limit of its own.
  public func limit(_ name: String) -> Int64? { amount(name, raw.pointee.limits, raw.pointee.limit_count) }

  private func amount(_ name: String, _ start: UnsafePointer<tepui_amount>?, _ count: UInt32) -> Int64? {
    guard let start else { return nil }
    // Walked by the size that the host gives, which may be larger than ours.
    let stride = Int(start.pointee.size)
    for index in 0..<Int(count) {
      let amount = (UnsafeRawPointer(start) + index * stride).assumingMemoryBound(to: tepui_amount.self)
      if String(amount.pointee.name) == name { return amount.pointee.value }
    }
    return nil
  }
}

/// Namespaces that a container gets of its own.
public struct Namespaces: OptionSet, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let mount = Self(rawValue: TEPUI_NAMESPACE_MOUNT)
  public static let pid = Self(rawValue: TEPUI_NAMESPACE_PID)
  public static let ipc = Self(rawValue: TEPUI_NAMESPACE_IPC)
  public static let uts = Self(rawValue: TEPUI_NAMESPACE_UTS)
  public static let network = Self(rawValue: TEPUI_NAMESPACE_NETWORK)
  public static let cgroup = Self(rawValue: TEPUI_NAMESPACE_CGROUP)
}

/// Where a plan goes. The agent refuses a plan with anything in it that is never allowed, so no answer need be looked at.
public struct Plan {
  let sink: UnsafePointer<tepui_plan_sink>

  /// Writes `value` to `file` in the container's cgroup: `memory.max`.
  public func cgroup(_ file: String, _ value: String) {
    withText(file) { file in withText(value) { _ = sink.pointee.cgroup?(sink.pointee.context, file, $0) } }
  }

  /// Sets an environment variable; the framework's own variables win. Launch only.
  public func environment(_ name: String, _ value: String) {
    withText(name) { name in withText(value) { _ = sink.pointee.environment?(sink.pointee.context, name, $0) } }
  }

  /// Sets a resource limit, named as in setrlimit(2) in lower case without its prefix. `UInt64.max` is no limit. Launch
  /// only.
  public func rlimit(_ name: String, soft: UInt64, hard: UInt64) {
    withText(name) { _ = sink.pointee.rlimit?(sink.pointee.context, $0, soft, hard) }
  }

  /// Asks for namespaces; several isolators may ask for the same. Launch only.
  public func namespaces(_ namespaces: Namespaces) {
    _ = sink.pointee.namespaces?(sink.pointee.context, namespaces.rawValue)
  }

  /// Adds a mount of a file system, such as `tmpfs`; needs `Namespaces.mount`. Launch only.
  public func mount(_ type: String, at target: String, options: String = "", readOnly: Bool = false) {
    add(type: type, source: type, target, options, readOnly ? TEPUI_MOUNT_READ_ONLY : 0)
  }

  /// Shows a path of the host at `target`; needs `Namespaces.mount`. Launch only.
  public func bind(_ source: String, at target: String, readOnly: Bool = false, recursive: Bool = false) {
    add(
      type: "", source: source, target, "",
      TEPUI_MOUNT_BIND | (readOnly ? TEPUI_MOUNT_READ_ONLY : 0) | (recursive ? TEPUI_MOUNT_RECURSIVE : 0))
  }

  private func add(type: String, source: String, _ target: String, _ options: String, _ flags: UInt32) {
    withText(type) { type in
      withText(source) { source in
        withText(target) { target in
          withText(options) { options in
            var mount = tepui_mount()
            mount.size = UInt32(MemoryLayout<tepui_mount>.size)
            mount.flags = flags
            (mount.type, mount.source, mount.target, mount.options) = (type, source, target, options)
            _ = sink.pointee.mount?(sink.pointee.context, &mount)
          }
        }
      }
    }
  }
}

/// Lends a text for the time of `body`.
private func withText(_ string: String, _ body: (tepui_text) -> Void) {
  var string = string
  string.withUTF8 { bytes in
    bytes.withMemoryRebound(to: CChar.self) {
      body(tepui_text(bytes: $0.baseAddress, length: UInt64($0.count)))
    }
  }
}
