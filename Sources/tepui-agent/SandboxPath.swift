import Files
import Glibc
import Wire

/// A path below a sandbox as `/files` names it, and what is safe to open behind it.
///
/// Two forms lead to a sandbox (protocol fact 114): the real path, and `/frameworks/F/executors/E/runs/R`, where R may
/// be `latest`. What links within a sandbox lead to is served only if it lies in the same sandbox.
struct SandboxPath {
  private let sandbox: String
  /// Relative to the sandbox; empty for itself.
  private let rest: String

  /// nil for a path that names nothing within a sandbox.
  init?(_ path: String, workDirectory: String, agentID: String?) {
    var words = path.split(separator: "/").map(String.init)
    guard path.hasPrefix("/"), !path.utf8.contains(0) else { return nil }
    let root = workDirectory.split(separator: "/").map(String.init)
    if words.first == "frameworks", let agentID { words = root + ["slaves", agentID] + words }
    guard words.starts(with: root) else { return nil }
    words.removeFirst(root.count)
    // slaves/A/frameworks/F/executors/E/runs/R
    guard words.count >= 8, words[0] == "slaves", words[2] == "frameworks", words[4] == "executors", words[6] == "runs",
      !words[..<8].contains("."), !words[..<8].contains("..")
    else { return nil }
    let runs = words[..<7].joined(separator: "/")
    guard let sandbox = try? Directories.resolve("\(workDirectory)/\(runs)/\(words[7])"),
      sandbox.hasPrefix("\(workDirectory)/slaves/")
    else { return nil }
    self.sandbox = sandbox
    rest = words[8...].joined(separator: "/")
  }

  func open() throws(WireRefusal) -> OpenFile { try Self.open(rest, in: sandbox) }

  private static func open(_ rest: String, in sandbox: String) throws(WireRefusal) -> OpenFile {
    let path = rest.isEmpty ? sandbox : "\(sandbox)/\(rest)"
    guard let resolved = realpath(path, nil) else {
      if errno == ENOENT || errno == ENOTDIR { throw .notFound }
      let reason = String(cString: strerror(errno))
      throw WireRefusal(400, "Failed to determine canonical path of '\(path)': \(reason).\n")
    }
    defer { free(resolved) }
    let real = String(cString: resolved)
    guard real == sandbox || real.hasPrefix("\(sandbox)/") else {
      throw WireRefusal(400, "'\(path)' is inaccessible.\n")
    }
    let found = String(real.dropFirst(sandbox.count))
    return try OpenFile(try descend(found, from: sandbox)) { name in
      (try? open("\(found)/\(name)", in: sandbox))?.status
    }
  }

  /// The task may exchange any part of the path for a link while this goes on, so no link is followed here: there was none
  /// a moment ago.
  private static func descend(_ path: String, from sandbox: String) throws(WireRefusal) -> Int32 {
    var place = Glibc.open(sandbox, OpenFile.asPlace | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    for name in path.split(separator: "/").map(String.init) {
      guard place >= 0 else { throw .notFound }
      let next = openat(place, name, OpenFile.asPlace | O_NOFOLLOW | O_CLOEXEC)
      close(place)
      place = next
    }
    var status = stat()
    guard place >= 0, fstat(place, &status) == 0, status.st_mode & S_IFMT != S_IFLNK else {
      if place >= 0 { close(place) }
      throw .notFound
    }
    return place
  }
}
