import Glibc

/// Small whole files of the host: /proc, state directories.
enum Files {
  /// The largest file that is read; all that is read here is far smaller.
  private static let limit = 1 << 20

  static func read(_ path: String) throws(SystemFailure) -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw SystemFailure("open \(path)") }
    defer { close(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while bytes.count < limit {
      let count = Glibc.read(file, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw SystemFailure("read \(path)") }
      if count == 0 { break }
      bytes += chunk[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Readers see the old content or the new, never a part.
  static func replace(_ path: String, with content: String) throws(SystemFailure) {
    let temporary = path + ".new"
    let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw SystemFailure("create \(temporary)") }
    let bytes = Array(content.utf8)
    let written = write(file, bytes, bytes.count)
    let error = written < 0 ? errno : ENOSPC
    close(file)
    guard written == bytes.count else { throw SystemFailure("write \(temporary)", code: error) }
    guard rename(temporary, path) == 0 else { throw SystemFailure("rename \(temporary) to \(path)") }
  }

  static func makeDirectories(_ path: String) throws(SystemFailure) {
    if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
      throw SystemFailure("make the directory \(path)")
    }
    try makeDirectories(String(path[..<slash]))
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw SystemFailure("make the directory \(path)") }
  }

  /// Names in a directory but "." and "..", unordered; empty if it cannot be read.
  static func list(_ path: String) -> [String] { entries(path).map(\.name) }

  /// Names of the directories in a directory of the kernel's, where every entry tells its kind.
  static func directories(in path: String) -> [String] { entries(path).filter(\.isDirectory).map(\.name) }

  private static func entries(_ path: String) -> [(name: String, isDirectory: Bool)] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var entries: [(name: String, isDirectory: Bool)] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { entries.append((name, entry.pointee.d_type == UInt8(DT_DIR))) }
    }
    return entries
  }

  /// Where a link leads; nil if that cannot be read.
  static func link(_ path: String) -> String? {
    var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = target.withUnsafeMutableBytes { readlink(path, $0.baseAddress!, $0.count) }
    return count < 0 ? nil : String(decoding: target.prefix(count), as: UTF8.self)
  }

  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Removes a directory and the plain files in it, as a state directory has them.
  static func removeFlatDirectory(_ path: String) throws(SystemFailure) {
    for name in list(path) {
      guard unlink("\(path)/\(name)") == 0 || errno == ENOENT else { throw SystemFailure("remove \(path)/\(name)") }
    }
    guard rmdir(path) == 0 || errno == ENOENT else { throw SystemFailure("remove \(path)") }
  }
}
