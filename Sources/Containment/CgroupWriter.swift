import Glibc
import ModuleHost

/// The only code that changes anything under a cgroup mount. It stays below one root that it made, or that was given to
/// the agent, and keeps a journal of what was asked and what the kernel answered. Of the containment thread alone.
final class CgroupWriter {
  struct Entry: Equatable, CustomStringConvertible {
    enum Action: Equatable {
      case makeDirectory, removeDirectory
      case write(String)
      case allowDevices([PlanEntry.Device])
    }
    let action: Action
    let path: String
    /// errno of the kernel's answer; 0 for success.
    let answer: Int32

    var description: String {
      let what =
        switch action {
        case .makeDirectory: "make the cgroup \(path)"
        case .removeDirectory: "remove the cgroup \(path)"
        case .write(let value): "write '\(value)' to \(path)"
        case .allowDevices(let devices): "allow \(devices.count) devices to the cgroup \(path)"
        }
      return answer == 0 ? what : "\(what): \(SystemFailure.text(answer))"
    }
  }

  struct Failure: Error, Equatable, CustomStringConvertible {
    let entry: Entry

    var description: String { "cannot \(entry)" }
  }

  /// The latest entries, oldest first.
  private(set) var journal: [Entry] = []
  private static let journalLimit = 512

  let files: any CgroupFiles
  private let root: CgroupRoot

  /// - Parameter root: holds the directory that all containers' groups lie in.
  init(root: CgroupRoot, files: any CgroupFiles) {
    self.root = root
    self.files = files
  }

  func makeGroup(_ path: String) throws(Failure) { try carryOut(.makeDirectory, path) }

  /// Removes a group and those below it, which a container's processes may have made.
  func removeGroup(_ path: String, depth: Int = 0) throws(Failure) {
    // Deeper than the kernel's default of cgroup.max.depth would allow a reasonable container.
    if depth < 32 {
      for name in files.directories(in: path) { try removeGroup("\(path)/\(name)", depth: depth + 1) }
    }
    try carryOut(.removeDirectory, path)
  }

  func write(_ value: String, to file: String, of group: String) throws(Failure) {
    try carryOut(.write(value), "\(group)/\(file)")
  }

  func allow(_ devices: [PlanEntry.Device], in group: String) throws(Failure) {
    try carryOut(.allowDevices(devices), group)
  }

  /// What was done to a group and what lies in it, oldest first, for the log.
  func journal(of group: String) -> String {
    let entries = journal.filter { $0.path == group || $0.path.hasPrefix(group + "/") }
    return entries.map(\.description).joined(separator: "; ")
  }

  private func carryOut(_ action: Entry.Action, _ path: String) throws(Failure) {
    let answer: Int32 =
      if !isOurs(path) {
        EPERM
      } else {
        switch action {
        case .makeDirectory: files.makeDirectory(path)
        case .removeDirectory: files.removeDirectory(path)
        case .write(let value): files.write(value, to: path)
        case .allowDevices(let devices): files.allow(devices, in: path)
        }
      }
    let entry = Entry(action: action, path: path, answer: answer)
    // In halves, so that a long life costs no move per entry.
    if journal.count == 2 * Self.journalLimit { journal.removeFirst(Self.journalLimit) }
    journal.append(entry)
    // What is to be removed may be gone already.
    guard answer == 0 || (action == .removeDirectory && answer == ENOENT) else { throw Failure(entry: entry) }
  }

  private func isOurs(_ path: String) -> Bool {
    guard !path.split(separator: "/").contains("..") else { return false }
    if path == root.path || path.hasPrefix(root.path + "/") { return true }
    guard let delegation = root.delegation else { return false }
    return path == "\(delegation.group)/cgroup.subtree_control" || path == delegation.leaf
      || path == "\(delegation.leaf)/cgroup.procs"
  }
}
