import CLtdl
import Glibc

/// Looking at files of the modules dir without trusting them.
enum ModuleFile {
  /// What is wrong with a file and, where there is something, what to do.
  struct Problem: Error, Equatable {
    let text: String
    init(_ text: String) { self.text = text }
    static var system: Self { Self(String(cString: strerror(errno))) }
  }

  static func parent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  static func name(_ path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }

  static func exists(_ path: String) -> Bool {
    access(path, F_OK) == 0
  }

  /// Paths of the shared libraries (`*.so`) in a directory, sorted.
  static func libraries(in directory: String) -> Result<[String], Problem> {
    guard let stream = opendir(directory) else { return .failure(.system) }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasSuffix(".so"), name.count > 3 { names.append(name) }
    }
    return .success(names.sorted().map { "\(directory)/\($0)" })
  }

  static func content(_ path: String, limit: Int) -> Result<[UInt8], Problem> {
    withOpenFile(path) { file, status throws(Problem) in
      guard status.st_mode & S_IFMT == S_IFREG else { throw Problem("is not a regular file") }
      guard status.st_size <= limit else { throw Problem("is larger than \(limit) bytes") }
      return try bytes(of: file, from: 0, count: Int(status.st_size))
    }
  }

  /// Whoever may write a module, or put another in its place, decides what the daemon does: as root only root may.
  static func permissionProblem(_ path: String) -> Problem? {
    guard geteuid() == 0 else { return nil }
    for path in [path, parent(path)] {
      var status = stat()
      guard stat(path, &status) == 0 else { return Problem("\(path): \(String(cString: strerror(errno)))") }
      let others = [(mode_t(S_IWGRP), "its group"), (mode_t(S_IWOTH), "everybody")].filter {
        status.st_mode & $0.0 != 0
      }
      if !others.isEmpty {
        let who = others.map(\.1).joined(separator: " and ")
        return Problem("\(path): may be written by \(who), and this process is root; run chmod go-w \(path)")
      }
    }
    return nil
  }

  static func withOpenFile<Value>(
    _ path: String, _ body: (Int32, stat) throws(Problem) -> Value
  ) -> Result<Value, Problem> {
    // O_NONBLOCK: a FIFO in the directory must not stop the daemon.
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { return .failure(.system) }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { return .failure(.system) }
    return Result { () throws(Problem) in try body(file, status) }
  }

  /// Exactly `count` bytes, or an error.
  static func bytes(of file: Int32, from offset: Int, count: Int) throws(Problem) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let read = bytes.withUnsafeMutableBytes {
        pread(file, UnsafeMutableRawBufferPointer(rebasing: $0[filled...]).baseAddress, count - filled, offset + filled)
      }
      if read < 0 && errno == EINTR { continue }
      guard read >= 0 else { throw Problem.system }
      guard read > 0 else { throw Problem("ends after \(offset + filled) bytes while it is being read") }
      filled += read
    }
    return bytes
  }
}
