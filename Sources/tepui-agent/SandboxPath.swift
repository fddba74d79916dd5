import Glibc

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
    guard path.hasPrefix("/"), !words.contains(".."), !words.contains(".") else { return nil }
    let root = workDirectory.split(separator: "/").map(String.init)
    if words.first == "frameworks", let agentID { words = root + ["slaves", agentID] + words }
    guard words.starts(with: root) else { return nil }
    words.removeFirst(root.count)
    // slaves/A/frameworks/F/executors/E/runs/R
    guard words.count >= 8, words[0] == "slaves", words[2] == "frameworks", words[4] == "executors", words[6] == "runs"
    else { return nil }
    let runs = words[..<7].joined(separator: "/")
    guard let sandbox = try? Directories.resolve("\(workDirectory)/\(runs)/\(words[7])"),
      sandbox.hasPrefix("\(workDirectory)/slaves/")
    else { return nil }
    self.sandbox = sandbox
    rest = words[8...].joined(separator: "/")
  }

  /// Opens it for reading; nil if it is missing, or lies outside of the sandbox.
  func open() -> Int32? {
    let path = rest.isEmpty ? sandbox : "\(sandbox)/\(rest)"
    guard let real = try? Directories.resolve(path), isInside(real) else { return nil }
    let descriptor = Glibc.open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else { return nil }
    // The task may have exchanged a part of the path for a link meanwhile: what counts is what is open now.
    guard let opened = try? Directories.resolve("/proc/self/fd/\(descriptor)"), isInside(opened) else {
      close(descriptor)
      return nil
    }
    return descriptor
  }

  private func isInside(_ path: String) -> Bool { path == sandbox || path.hasPrefix("\(sandbox)/") }
}
