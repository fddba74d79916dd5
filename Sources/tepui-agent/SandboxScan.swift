import Files
import Glibc

/// The sandboxes below a work directory, of whatever agent, framework and executor.
///
/// The directory that holds them is the agent's own down to the sandboxes themselves, and these are not entered.
struct SandboxScan {
  struct Found: Sendable {
    var containerID: String
    var path: String
    /// When the container ended: then the agent touches its sandbox.
    var endedNs: Int64
  }

  let workDirectory: String

  /// Calls `visit` for each sandbox until it answers false.
  func each(_ visit: (Found) -> Bool) {
    let slaves = "\(workDirectory)/slaves"
    for agent in Self.directories(in: slaves) {
      for framework in Self.directories(in: "\(agent)/frameworks") {
        for executor in Self.directories(in: "\(framework)/executors") {
          for path in Self.directories(in: "\(executor)/runs") {
            guard let found = Self.found(path) else { continue }
            guard visit(found) else { return }
          }
        }
      }
    }
  }

  private static func found(_ path: String) -> Found? {
    var status = stat()
    guard lstat(path, &status) == 0, let id = path.split(separator: "/").last else { return nil }
    return Found(containerID: String(id), path: path, endedNs: status.st_mtim.nanoseconds)
  }

  /// Without links, of which there are `latest`.
  private static func directories(in path: String) -> [String] {
    guard let stream = opendir(path) else { return [] }
    defer { closedir(stream) }
    var paths: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name != ".", name != ".." else { continue }
      var status = stat()
      let child = "\(path)/\(name)"
      if lstat(child, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { paths.append(child) }
    }
    return paths
  }

  /// Says in the file system that the container ended now, for this agent and those that come after it.
  static func noteEnd(of sandbox: String) {
    _ = utimensat(AT_FDCWD, sandbox, nil, AT_SYMLINK_NOFOLLOW)
  }

  // MARK: Removal

  /// Deletes a sandbox. Blocks for as long as it takes.
  static func remove(_ path: String) throws(FileError) {
    if let mount = mountPoint(below: path) { throw FileError("\(mount) is mounted in it, so it stays") }
    try DirectoryTree.empty(path)
    guard rmdir(path) == 0 || errno == ENOENT else { throw FileError("remove", path) }
  }

  /// What is mounted is not the sandbox's own, but may be a volume.
  private static func mountPoint(below path: String) -> String? {
    guard let mounts = try? Machine.read("/proc/self/mountinfo") else { return nil }
    for line in mounts.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count > 4 else { continue }
      let point = unescaped(words[4])
      if point == path || point.hasPrefix("\(path)/") { return point }
    }
    return nil
  }

  /// Blanks and the like are written as a backslash and three octal digits.
  private static func unescaped(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(3)
      if byte == UInt8(ascii: "\\"), digits.count == 3, let code = UInt8(String(digits) ?? "", radix: 8) {
        bytes.append(code)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Removes the directories above a removed sandbox that are empty now, up to that of its agent, which stays if it is
  /// `agentID`. Must not run while a sandbox is made.
  func removeEmptyParents(of sandbox: String, besides agentID: String?) {
    var path = sandbox[...]
    for _ in 0..<6 {
      guard let slash = path.lastIndex(of: "/") else { return }
      path = path[..<slash]
      if path.hasSuffix("/runs") {
        let latest = "\(path)/latest"
        // It leads nowhere when the sandbox that it led to is gone.
        if access(latest, F_OK) != 0 { unlink(latest) }
      }
      guard path != "\(workDirectory)/slaves/\(agentID ?? "")", path != "\(workDirectory)/slaves",
        rmdir(String(path)) == 0
      else { return }
    }
  }
}
