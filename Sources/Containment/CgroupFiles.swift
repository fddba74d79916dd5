import Glibc

/// What containment does to cgroup files; tests put failures in between.
public protocol CgroupFiles: AnyObject {
  /// These answer the errno of a failure, 0 for success.
  func makeDirectory(_ path: String) -> Int32
  func removeDirectory(_ path: String) -> Int32
  func write(_ value: String, to path: String) -> Int32

  /// nil if the file is missing or cannot be read.
  func read(_ path: String) -> String?
  /// Names of the directories in a directory.
  func directories(in path: String) -> [String]
}

/// The kernel's.
public final class KernelCgroupFiles: CgroupFiles {
  public init() {}

  public func makeDirectory(_ path: String) -> Int32 { mkdir(path, 0o755) == 0 ? 0 : errno }

  public func removeDirectory(_ path: String) -> Int32 { rmdir(path) == 0 ? 0 : errno }

  public func write(_ value: String, to path: String) -> Int32 {
    // No O_CREAT: a file that the kernel did not make is a mistake, not a new file.
    let file = open(path, O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return errno }
    defer { close(file) }
    let bytes = Array(value.utf8)
    // The kernel takes a cgroup value in one call or not at all.
    return Glibc.write(file, bytes, bytes.count) == bytes.count ? 0 : errno
  }

  public func read(_ path: String) -> String? { try? Files.read(path) }

  public func directories(in path: String) -> [String] { Files.directories(in: path) }
}
