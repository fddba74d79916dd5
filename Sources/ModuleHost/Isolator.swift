/// One concern of containment, as the agent sees it: `ModuleHost` implements it for a loaded isolator module, tests
/// implement it in Swift.
///
/// Calls come from the containment thread, never two at a time into one isolator, and may block.
public protocol Isolator: AnyObject {
  /// The module's id, for messages: `org.tepui.cgroups`.
  var id: String { get }

  /// What the container should look like. With `running` only cgroup keys and watches may come back.
  func plan(_ container: ContainerDescription, running: Bool) throws(IsolatorFailure) -> [PlanEntry]

  /// Measures a running container: values by field name of Mesos' ResourceStatistics. Empty without the extension.
  func usage(_ container: ContainerDescription, cgroup: any CgroupReading) throws(IsolatorFailure) -> [String: Double]

  /// The steps of the lifecycle extension; nothing happens without it.
  func perform(_ step: LifecycleStep, _ container: ContainerDescription) throws(IsolatorFailure)
}

public enum LifecycleStep: String, Sendable {
  case prepare, isolate, recover, cleanup
}

/// A refusal or failure of an isolator; `isolator` is the module's id.
public struct IsolatorFailure: Error, Equatable, CustomStringConvertible {
  public let isolator: String
  public let message: String

  public init(isolator: String, message: String) {
    self.isolator = isolator
    self.message = message
  }

  public var description: String { "isolator \(isolator): \(message)" }
}

/// Reads files of one container's cgroup.
public protocol CgroupReading {
  /// The content of a file such as `memory.current`, or nil if the container has no cgroup or the file is missing.
  func read(_ file: String) -> String?

  /// The same into memory of the caller's, cut to what fits: the number of bytes. The name is UTF-8 without a NUL.
  func read(_ file: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer) -> Int?
}

extension CgroupReading {
  public func read(_ file: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer) -> Int? {
    guard var content = read(String(decoding: file, as: UTF8.self)) else { return nil }
    return content.withUTF8 { bytes in
      let count = min(bytes.count, buffer.count)
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<count]))
      return count
    }
  }
}

/// What an isolator is told of a container.
public struct ContainerDescription: Equatable, Sendable {
  public var id: String
  public var frameworkID: String
  /// For a command task the task's id.
  public var executorID: String
  public var role: String
  public var user: String
  /// Absolute path on the host.
  public var sandbox: String
  /// One command, without an executor of the framework's own.
  public var isCommandTask: Bool
  /// Scalar resources by name, in thousandths of their unit.
  public var requests: [Amount]
  /// What it may burst to, likewise; `Amount.unlimited` for no bound.
  public var limits: [Amount]
  /// Of the first process; 0 before the launch.
  public var pid: Int32
  /// Runs nothing itself but holds the containers of a group's tasks together.
  public var isPod = false
  /// The pod's container that it runs in; empty for none.
  public var parentID = ""
  /// Limited by its pod's cgroup alone: cgroup keys and watches of plans are left out.
  public var sharesLimits = false
  /// Has a root file system of its own.
  public var hasOwnRoot = false
  public var wishes = Wishes()

  public init(
    id: String, frameworkID: String, executorID: String, role: String, user: String, sandbox: String,
    isCommandTask: Bool, requests: [Amount], limits: [Amount] = [], pid: Int32 = 0
  ) {
    self.id = id
    self.frameworkID = frameworkID
    self.executorID = executorID
    self.role = role
    self.user = user
    self.sandbox = sandbox
    self.isCommandTask = isCommandTask
    self.requests = requests
    self.limits = limits
    self.pid = pid
  }

  /// What the task asks for beside resources. Sets of capabilities have bit `1 << CAP_...`.
  public struct Wishes: Equatable, Sendable {
    public var effectiveCapabilities: UInt64?
    public var boundingCapabilities: UInt64?
    public var isUnconfined = false
    public var seccompProfile = ""
    public var hostname = ""
    /// Of /dev/shm; 0: none.
    public var shmBytes: Int64 = 0
    public var sharesHostPID = false
    public var sharesHostIPC = false

    public init() {}
  }

  public struct Amount: Equatable, Sendable {
    public static let unlimited = Int64.max
    public var name: String
    /// Thousandths of the resource's unit.
    public var value: Int64

    public init(name: String, value: Int64) {
      self.name = name
      self.value = value
    }
  }
}

/// One thing that an isolator wants. `Containment` merges the entries of all isolators and alone acts on them.
public enum PlanEntry: Equatable, Sendable {
  /// Write `value` to `file` of the container's cgroup.
  case cgroup(file: String, value: String)
  /// Likewise, where the kernel has the file.
  case cgroupIfPresent(file: String, value: String)
  case watch(Watch)
  case environment(name: String, value: String)
  /// `name` as in setrlimit(2) without prefix, lower case; `UInt64.max` is no limit.
  case rlimit(name: String, soft: UInt64, hard: UInt64)
  case namespaces(Namespaces)
  case mount(Mount)
  /// Allows a device, and with that denies those that nobody allows.
  case device(Device)
  case disk(Disk)
  case hostname(String)
  case capabilities(Capabilities)
  case noNewPrivileges
  /// Instructions of struct sock_filter, and flags of seccomp(2).
  case seccomp(filter: [UInt8], flags: UInt32)

  /// A number in a cgroup file that must not rise; when it does the container is destroyed for the reason given.
  public struct Watch: Equatable, Sendable {
    public enum Limitation: UInt32, Sendable {
      case memory, disk, other
      /// Nothing is ended: the number is told with the end of the container.
      case noted
    }
    public var limitation: Limitation
    public var file: String
    public var key: String
    /// The limited resource: `mem`.
    public var resource: String
    /// Files whose content is told in the message; empty for none.
    public var limitFile: String
    public var peakFile: String
    public var pressureFile: String
    /// A number that must be above zero too, else it was another group's limit; nil for none.
    public var cause: Cause?
    /// From where on the number counts.
    public var least: UInt64

    public struct Cause: Equatable, Sendable {
      public var file: String
      public var key: String

      public init(file: String, key: String) {
        self.file = file
        self.key = key
      }
    }

    public init(
      limitation: Limitation, file: String, key: String, resource: String, limitFile: String = "",
      peakFile: String = "", pressureFile: String = "", cause: Cause? = nil, least: UInt64 = 1
    ) {
      self.limitation = limitation
      self.file = file
      self.key = key
      self.resource = resource
      self.limitFile = limitFile
      self.peakFile = peakFile
      self.pressureFile = pressureFile
      self.cause = cause
      self.least = least
    }
  }

  public struct Device: Equatable, Sendable {
    public enum Kind: UInt32, Sendable {
      case character, block
    }
    /// The bits of TEPUI_DEVICE_READ, _WRITE, _MAKE.
    public var access: UInt32
    public var kind: Kind
    /// nil for any.
    public var major: UInt32?
    public var minor: UInt32?

    public init(access: UInt32, kind: Kind, major: UInt32?, minor: UInt32?) {
      self.access = access
      self.kind = kind
      self.major = major
      self.minor = minor
    }
  }

  /// A directory whose use of disk is measured.
  public struct Disk: Equatable, Sendable {
    public var path: String
    /// nil for no limit.
    public var limitBytes: Int64?
    /// Whether a container over its limit is destroyed.
    public var isEnforced: Bool
    public var intervalNs: Int64

    public init(path: String, limitBytes: Int64?, isEnforced: Bool, intervalNs: Int64) {
      self.path = path
      self.limitBytes = limitBytes
      self.isEnforced = isEnforced
      self.intervalNs = intervalNs
    }
  }

  /// The bits of TEPUI_NAMESPACE_...
  public struct Namespaces: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let mount = Self(rawValue: 1)
    public static let pid = Self(rawValue: 2)
    public static let ipc = Self(rawValue: 4)
    public static let uts = Self(rawValue: 8)
    public static let network = Self(rawValue: 16)
    public static let cgroup = Self(rawValue: 32)
  }

  public struct Mount: Equatable, Sendable {
    public var type: String
    /// With `fromSandbox` relative to it.
    public var source: String
    public var target: String
    public var options: String
    public var flags: Flags

    public init(type: String, source: String, target: String, options: String = "", flags: Flags = []) {
      self.type = type
      self.source = source
      self.target = target
      self.options = options
      self.flags = flags
    }

    /// The bits of TEPUI_MOUNT_...
    public struct Flags: OptionSet, Hashable, Sendable {
      public let rawValue: UInt32
      public init(rawValue: UInt32) { self.rawValue = rawValue }

      public static let readOnly = Self(rawValue: 1)
      public static let bind = Self(rawValue: 2)
      public static let recursive = Self(rawValue: 4)
      public static let noSUID = Self(rawValue: 8)
      public static let noDevices = Self(rawValue: 16)
      public static let noExecute = Self(rawValue: 32)
      public static let fromSandbox = Self(rawValue: 64)
      public static let forAll = Self(rawValue: 128)

      /// Those that a module may use.
      public static let known = Self(rawValue: 255)
      /// Of the source no part may be a symbolic link.
      public static let noLinks = Self(rawValue: 256)
    }
  }

  /// Sets of capabilities, bit `1 << CAP_...`.
  public struct Capabilities: Equatable, Sendable {
    /// The most that a process of the container can gain.
    public var bounding: UInt64
    /// After the exec.
    public var ofRoot: UInt64
    public var ofOthers: UInt64

    public init(bounding: UInt64, ofRoot: UInt64, ofOthers: UInt64) {
      self.bounding = bounding
      self.ofRoot = ofRoot
      self.ofOthers = ofOthers
    }
  }
}
