import Glibc

/// Deleting what tasks have left, who may have made it as deep, wide or odd as they like.
enum DirectoryTree {
  /// The bytes of a name, with the zero at the end: it need not be text.
  private typealias Name = [CChar]

  /// How many names are read before they are dealt with.
  private static let batch = 1024

  /// Deletes everything in a directory, which stays, except for what `isKept` says of its name. A directory that is not
  /// there is empty.
  ///
  /// No symbolic link is followed, no path is built from names that others chose, and depth costs nothing: directories are
  /// moved up to `path` before they are emptied, so two descriptors do.
  static func empty(_ path: String, keeping isKept: (String) -> Bool = { _ in false }) throws(FileError) {
    let root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    if root < 0, errno == ENOENT { return }
    guard root >= 0 else { throw FileError("open", path) }
    defer { close(root) }
    var moved: UInt64 = 0
    while true {
      let names = try entries(of: root, path, besides: isKept)
      if names.isEmpty { return }
      for name in names where try !removeFile(name, in: root, path) { try flatten(name, in: root, path, &moved) }
    }
  }

  /// Moves all that is in one directory into another of the same file system, except for the one named by its path.
  static func move(from path: String, to target: String, besides kept: String) throws(FileError) {
    let source = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard source >= 0 else { throw FileError("open", path) }
    defer { close(source) }
    let destination = open(target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard destination >= 0 else { throw FileError("open", target) }
    defer { close(destination) }
    let name = kept.split(separator: "/").last.map(String.init)
    while true {
      let names = try entries(of: source, path) { $0 == name }
      if names.isEmpty { return }
      for name in names where renameat(source, name, destination, name) != 0 {
        throw FileError("move what is in", path)
      }
    }
  }

  /// Removes a directory after its files are deleted and its directories moved to `root`.
  private static func flatten(
    _ name: Name, in root: Int32, _ path: String, _ moved: inout UInt64
  ) throws(FileError) {
    makeWritable(name, in: root)
    let directory = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard directory >= 0 else { throw FileError("open what is in", path) }
    defer { close(directory) }
    while true {
      let children = try entries(of: directory, path)
      if children.isEmpty { break }
      for child in children where try !removeFile(child, in: directory, path) {
        makeWritable(child, in: directory)
        let target = freeName(in: root, &moved)
        guard renameat(directory, child, root, target) == 0 else { throw FileError("move what is in", path) }
      }
    }
    guard unlinkat(root, name, AT_REMOVEDIR) == 0 else { throw FileError("remove what is in", path) }
  }

  /// False if it is a directory.
  private static func removeFile(_ name: Name, in directory: Int32, _ path: String) throws(FileError) -> Bool {
    if unlinkat(directory, name, 0) == 0 || errno == ENOENT { return true }
    // POSIX lets unlink answer either for a directory.
    guard errno == EISDIR || errno == EPERM else { throw FileError("remove what is in", path) }
    return false
  }

  /// Tasks of the agent's own user may have left directories that nobody can write to; to root that means nothing.
  private static func makeWritable(_ name: Name, in directory: Int32) {
    if geteuid() != 0 { _ = fchmodat(directory, name, 0o700, AT_SYMLINK_NOFOLLOW) }
  }

  private static func freeName(in root: Int32, _ moved: inout UInt64) -> String {
    while true {
      moved += 1
      let name = ".removed-\(moved)"
      if faccessat(root, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 { return name }
    }
  }

  /// Some of the names in a directory; none when it is empty.
  private static func entries(
    of directory: Int32, _ path: String, besides isLeftOut: (String) -> Bool = { _ in false }
  ) throws(FileError) -> [Name] {
    // A descriptor of its own: closedir closes what it was given.
    let own = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard own >= 0, let stream = fdopendir(own) else {
      let code = errno
      if own >= 0 { close(own) }
      throw FileError("read", path, code: code)
    }
    defer { closedir(stream) }
    var names: [Name] = []
    while names.count < batch, let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) }
      }
      let text = String(decoding: name.map(UInt8.init(bitPattern:)), as: UTF8.self)
      if text != "." && text != ".." && !isLeftOut(text) { names.append(name + [0]) }
    }
    return names
  }
}
