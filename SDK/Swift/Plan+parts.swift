import CTepui

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

/// How something is mounted.
public struct MountFlags: OptionSet, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let readOnly = Self(rawValue: TEPUI_MOUNT_READ_ONLY)
  /// Of `bind`: mounts below the source come along.
  public static let recursive = Self(rawValue: TEPUI_MOUNT_RECURSIVE)
  /// Set-user-id programs give nothing.
  public static let noSUID = Self(rawValue: TEPUI_MOUNT_NO_SUID)
  public static let noDevices = Self(rawValue: TEPUI_MOUNT_NO_DEVICES)
  public static let noExecute = Self(rawValue: TEPUI_MOUNT_NO_EXECUTE)
  /// Of `bind`: the source is relative to the sandbox; a directory is made if missing.
  public static let fromSandbox = Self(rawValue: TEPUI_MOUNT_FROM_SANDBOX)
  /// With `fromSandbox`: what is made may be written by all users, as /tmp.
  public static let forAll = Self(rawValue: TEPUI_MOUNT_FOR_ALL)
}

/// Devices that a container may use.
public struct Device: Sendable {
  public enum Kind: Sendable {
    case character, block
    var rawValue: UInt32 { UInt32(self == .character ? TEPUI_DEVICE_CHARACTER : TEPUI_DEVICE_BLOCK) }
  }

  public struct Access: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let read = Self(rawValue: TEPUI_DEVICE_READ)
    public static let write = Self(rawValue: TEPUI_DEVICE_WRITE)
    /// mknod(2).
    public static let make = Self(rawValue: TEPUI_DEVICE_MAKE)
  }

  public var kind: Kind
  /// Nil for any.
  public var major: UInt32?
  public var minor: UInt32?
  public var access: Access

  public init(_ kind: Kind, major: UInt32?, minor: UInt32?, access: Access) {
    (self.kind, self.major, self.minor, self.access) = (kind, major, minor, access)
  }
}

/// A number in a file of the container's cgroup that must not rise, such as `oom_kill` in `memory.events`. When it does,
/// the container is destroyed and its tasks fail with the reason.
public struct Watch: Sendable {
  public enum Limitation: Sendable {
    case memory, disk, other
    /// Nothing is ended: the number is told in the final status of the container's tasks.
    case none

    fileprivate var rawValue: UInt32 {
      switch self {
      case .memory: UInt32(TEPUI_LIMITATION_MEMORY)
      case .disk: UInt32(TEPUI_LIMITATION_DISK)
      case .other: UInt32(TEPUI_LIMITATION_OTHER)
      case .none: UInt32(TEPUI_LIMITATION_NONE)
      }
    }
  }

  /// `memory.events`
  public var file: String
  /// `oom_kill`
  public var key: String
  public var limitation: Limitation
  /// `mem`: told as the limited resource.
  public var resource: String
  /// Files whose contents are the limit, the highest use and the pressure stall information, for the message:
  /// `memory.max`, `memory.peak`, `memory.pressure`. Empty for none.
  public var limitFile = ""
  public var peakFile = ""
  public var pressureFile = ""
  /// A second number that must be above zero as well, else the rise came from another group's limit and ends nothing:
  /// `oom` in `memory.events.local`. A file that the kernel has not got is taken as a yes.
  public var cause: (file: String, key: String)?
  /// The number counts from here on.
  public var least: Int64 = 1

  public init(_ file: String, _ key: String, limitation: Limitation, resource: String) {
    (self.file, self.key, self.limitation, self.resource) = (file, key, limitation, resource)
  }

  func withRaw(_ body: (UnsafePointer<tepui_watch>) -> Bool) -> Bool {
    var watch = tepui_watch()
    watch.size = UInt32(MemoryLayout<tepui_watch>.size)
    (watch.limitation, watch.least) = (limitation.rawValue, least)
    return withText(file) { file in
      withText(key) { key in
        withText(resource) { resource in
          (watch.file, watch.key, watch.resource) = (file, key, resource)
          return withFiles(&watch, body)
        }
      }
    }
  }

  private func withFiles(_ watch: inout tepui_watch, _ body: (UnsafePointer<tepui_watch>) -> Bool) -> Bool {
    withText(limitFile) { limit in
      withText(peakFile) { peak in
        withText(pressureFile) { pressure in
          withText(cause?.file ?? "") { file in
            withText(cause?.key ?? "") { key in
              (watch.limit_file, watch.peak_file, watch.pressure_file) = (limit, peak, pressure)
              (watch.cause_file, watch.cause_key) = (file, key)
              return withUnsafePointer(to: watch, body)
            }
          }
        }
      }
    }
  }
}
