import CLaunch
import Glibc
import ModuleHost

/// What containment does to cgroup files; tests put failures in between.
public protocol CgroupFiles: AnyObject {
  /// These answer the errno of a failure, 0 for success.
  func makeDirectory(_ path: String) -> Int32
  func removeDirectory(_ path: String) -> Int32
  func write(_ value: String, to path: String) -> Int32
  /// Denies the processes of a group all devices but these.
  func allow(_ devices: [PlanEntry.Device], in group: String) -> Int32

  /// nil if the file is missing or cannot be read.
  func read(_ path: String) -> String?
  /// A descriptor that gives a file's content anew at every pread(2) from its start, or a negative errno: then `read`
  /// is asked.
  func open(_ path: String) -> Int32
  /// Names of the directories in a directory.
  func directories(in path: String) -> [String]
  /// 0 if this process may make groups in a directory, else the errno.
  func writability(of path: String) -> Int32
  /// Whether whoever manages the tree gave a group away, which systemd says by an extended attribute.
  func isMarkedDelegated(_ path: String) -> Bool
}

extension CgroupFiles {
  public func open(_ path: String) -> Int32 { -ENOSYS }
  public func writability(of path: String) -> Int32 { access(path, W_OK) == 0 ? 0 : errno }

  public func isMarkedDelegated(_ path: String) -> Bool {
    ["user.delegate", "trusted.delegate"].contains { name in
      var value: UInt8 = 0
      return getxattr(path, name, &value, 1) == 1 && value == UInt8(ascii: "1")
    }
  }
}

/// The kernel's.
public final class KernelCgroupFiles: CgroupFiles {
  public init() {}

  public func makeDirectory(_ path: String) -> Int32 { mkdir(path, 0o755) == 0 ? 0 : errno }

  public func removeDirectory(_ path: String) -> Int32 { rmdir(path) == 0 ? 0 : errno }

  public func write(_ value: String, to path: String) -> Int32 {
    // No O_CREAT: a file that the kernel did not make is a mistake, not a new file.
    let file = Glibc.open(path, O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return errno }
    defer { close(file) }
    let bytes = Array(value.utf8)
    // The kernel takes a cgroup value in one call or not at all.
    return Glibc.write(file, bytes, bytes.count) == bytes.count ? 0 : errno
  }

  public func allow(_ devices: [PlanEntry.Device], in group: String) -> Int32 {
    let directory = Glibc.open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { return errno }
    defer { close(directory) }
    let rules = devices.map { device in
      launch_device(
        is_block: device.kind == .block ? 1 : 0, access: device.access, major: device.major.map { Int64($0) } ?? -1,
        minor: device.minor.map { Int64($0) } ?? -1)
    }
    return launch_allow_devices(directory, rules, rules.count) == 0 ? 0 : errno
  }

  public func read(_ path: String) -> String? { try? Files.read(path) }

  public func open(_ path: String) -> Int32 {
    let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    return file >= 0 ? file : -errno
  }

  public func directories(in path: String) -> [String] { Files.directories(in: path) }
}
