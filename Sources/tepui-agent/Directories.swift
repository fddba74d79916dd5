import Glibc

/// What could not be done with a file, and why.
struct FileError: Error, Equatable, CustomStringConvertible {
  let description: String

  /// The reason is errno's.
  init(_ action: String, _ path: String, code: Int32 = errno) {
    description = "cannot \(action) \(path): \(String(cString: strerror(code)))"
  }

  init(_ description: String) {
    self.description = description
  }
}

enum Directories {
  /// Makes a directory with the parents that are missing.
  static func make(_ path: String, mode: mode_t) throws(FileError) {
    if mkdir(path, mode) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
      throw FileError("make the directory", path)
    }
    try make(String(path[..<slash]), mode: mode)
    guard mkdir(path, mode) == 0 || errno == EEXIST else { throw FileError("make the directory", path) }
  }

  /// Finds out whether there is permission and space to write.
  static func tryWriting(in path: String) throws(FileError) {
    let name = "\(path)/.tepui-\(getpid())"
    let file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { throw FileError("write in", path) }
    defer {
      close(file)
      unlink(name)
    }
    let page = [UInt8](repeating: 1, count: 4096)
    let written = write(file, page, page.count)
    guard written == page.count else { throw FileError("write in", path, code: written < 0 ? errno : ENOSPC) }
  }

  /// The absolute path without symbolic links of something that exists.
  static func resolve(_ path: String) throws(FileError) -> String {
    guard let resolved = realpath(path, nil) else { throw FileError("find", path) }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// Makes or replaces a symbolic link in one step.
  static func link(_ path: String, to target: String) throws(FileError) {
    if symlink(target, path) == 0 { return }
    let temporary = "\(path).\(target)"
    unlink(temporary)
    guard symlink(target, temporary) == 0, rename(temporary, path) == 0 else {
      throw FileError("make the link", path)
    }
  }

  /// Removes a directory and the files in it; directories in it stay, and then so does it.
  static func removeFlat(_ path: String) {
    guard let directory = opendir(path) else { return }
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { unlink("\(path)/\(name)") }
    }
    closedir(directory)
    rmdir(path)
  }
}
