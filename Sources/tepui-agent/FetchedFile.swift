import Containment
import Glibc
import Wire

/// A URI of a command: a file of this machine that is copied into the sandbox.
struct FetchedFile {
  private let source: String
  /// Relative to the sandbox.
  private let target: String
  private let isExecutable: Bool

  private static let archives = [".tar", ".tgz", ".gz", ".tbz2", ".bz2", ".txz", ".xz", ".zip"]

  init(_ uri: MesosCommandInfo.URI) throws(FileError) {
    let value = uri.value
    if value.hasPrefix("/") {
      source = value
    } else if value.hasPrefix("file:///") {
      source = String(value.dropFirst("file://".count))
    } else {
      throw FileError("'\(value)' is neither an absolute path nor a file:// URI, which are all that this agent fetches")
    }
    let name = source.split(separator: "/").last.map(String.init) ?? ""
    target = uri.outputFile.isEmpty ? name : uri.outputFile
    isExecutable = uri.executable
    guard !target.hasPrefix("/"), !target.split(separator: "/").isEmpty, !target.split(separator: "/").contains("..")
    else { throw FileError("'\(target)' is not a path within the sandbox") }
    guard isExecutable || !uri.extract || !Self.archives.contains(where: name.hasSuffix) else {
      throw FileError("'\(value)' is an archive, which this agent does not extract; set 'extract' to false")
    }
  }

  /// - Parameter owner: who must be allowed to read the source and gets the copy; nil is the agent's own user.
  func copy(into sandbox: String, for owner: UserAccount?) throws(FileError) {
    let input = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard input >= 0 else { throw FileError("read", source) }
    defer { close(input) }
    var status = stat()
    guard fstat(input, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw FileError("'\(source)' is not a regular file")
    }
    if let owner, owner.uid != geteuid() {
      // The agent may read more than the task's user, who must not profit from it.
      guard ReadPermission(of: owner).allows(input) else { throw FileError("read", source, code: EACCES) }
    }
    let path = "\(sandbox)/\(target)"
    if let slash = target.lastIndex(of: "/") {
      try makeDirectories(String(target[..<slash]), in: sandbox, for: owner)
    }
    let output = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard output >= 0 else { throw FileError("write", path) }
    defer { close(output) }
    try pump(from: input, to: output, path)
    if let owner, owner.uid != geteuid(), fchown(output, owner.uid, owner.gid) != 0 {
      throw FileError("give to its user", path)
    }
    guard fchmod(output, isExecutable ? 0o755 : 0o644) == 0 else { throw FileError("set the mode of", path) }
  }

  private func makeDirectories(_ relative: String, in sandbox: String, for owner: UserAccount?) throws(FileError) {
    var path = sandbox
    for component in relative.split(separator: "/") {
      path += "/\(component)"
      if mkdir(path, 0o755) != 0 {
        guard errno == EEXIST else { throw FileError("make the directory", path) }
      } else if let owner, owner.uid != geteuid(), chown(path, owner.uid, owner.gid) != 0 {
        throw FileError("give to its user", path)
      }
    }
  }

  private func pump(from input: Int32, to output: Int32, _ path: String) throws(FileError) {
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    while true {
      let count = read(input, &buffer, buffer.count)
      guard count >= 0 else { throw FileError("read", source) }
      if count == 0 { return }
      var written = 0
      while written < count {
        let step = buffer[written...].withUnsafeBytes { write(output, $0.baseAddress, count - written) }
        guard step > 0 else { throw FileError("write", path) }
        written += step
      }
    }
  }
}

/// Whether a user could have opened a file that the agent has open, by the modes of the file and of the directories
/// that lead to it.
struct ReadPermission {
  private let account: UserAccount

  init(of account: UserAccount) {
    self.account = account
  }

  func allows(_ descriptor: Int32) -> Bool {
    if account.uid == 0 { return true }
    // The path of what is really open, so that a link cannot be exchanged between opening and checking.
    guard let path = try? Directories.resolve("/proc/self/fd/\(descriptor)") else { return false }
    var status = stat()
    guard fstat(descriptor, &status) == 0, allows(status, bit: 4) else { return false }
    var directory = path[...]
    while let slash = directory.lastIndex(of: "/") {
      directory = directory[..<slash]
      guard stat(directory.isEmpty ? "/" : String(directory), &status) == 0, allows(status, bit: 1) else {
        return false
      }
    }
    return true
  }

  /// `bit`: 4 for reading, 1 for passing through.
  private func allows(_ status: stat, bit: mode_t) -> Bool {
    if status.st_uid == account.uid { return status.st_mode & (bit << 6) != 0 }
    if status.st_gid == account.gid || account.groups.contains(status.st_gid) {
      return status.st_mode & (bit << 3) != 0
    }
    return status.st_mode & bit != 0
  }
}
