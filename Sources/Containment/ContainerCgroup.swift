import Glibc
import ModuleHost

/// The groups of one container: its own, which has the limits, and two below it. Processes live in `leaf`, so that they
/// can be killed at one stroke; their supervisor in `supervisor`, so that it survives that and tells the exit status.
struct ContainerCgroup: CgroupReading {
  let path: String
  private let writer: CgroupWriter

  var leaf: String { "\(path)/leaf" }
  var supervisor: String { "\(path)/supervisor" }

  init(path: String, writer: CgroupWriter) {
    self.path = path
    self.writer = writer
  }

  /// Makes the groups with their limits. After a failure the caller removes what there is.
  func make(keys: [ContainerPlan.CgroupKey]) throws(CgroupWriter.Failure) {
    // Left by an agent that died between its groups and its record; it cannot be removed if anything lives in it.
    if exists { try writer.removeGroup(path) }
    try writer.makeGroup(path)
    for key in keys { try writer.write(key.value, to: key.file, of: path) }
    try writer.makeGroup(supervisor)
    try writer.makeGroup(leaf)
  }

  var exists: Bool { writer.files.read("\(path)/cgroup.events") != nil }

  func write(_ key: ContainerPlan.CgroupKey) throws(CgroupWriter.Failure) {
    try writer.write(key.value, to: key.file, of: path)
  }

  func read(_ file: String) -> String? {
    guard !file.contains("/") else { return nil }
    return writer.files.read("\(path)/\(file)")
  }

  /// The number behind a key in a file of "key value" lines.
  func number(_ key: String, in file: String) -> UInt64? { Self.number(key, in: read(file)) }

  private static func number(_ key: String, in text: String?) -> UInt64? {
    for line in text?.split(separator: "\n") ?? [] {
      let words = line.split(separator: " ")
      if words.count == 2 && words[0] == key { return UInt64(words[1]) }
    }
    return nil
  }

  private func isPopulated(_ group: String) -> Bool {
    Self.number("populated", in: writer.files.read("\(group)/cgroup.events")) == 1
  }

  /// Pids of the command and what it started.
  func processes() -> [Int32] { processes(of: leaf) }

  private func processes(of group: String) -> [Int32] {
    let own = (writer.files.read("\(group)/cgroup.procs") ?? "").split(separator: "\n").compactMap { Int32($0) }
    return own + writer.files.directories(in: group).flatMap { processes(of: "\(group)/\($0)") }
  }

  /// Kills all processes but the supervisor. Answers whether there was none.
  func killProcesses() -> Bool { kill(leaf) }

  /// Kills the supervisor too.
  func killAll() -> Bool { kill(path) }

  private func kill(_ group: String) -> Bool {
    guard isPopulated(group) else { return true }
    do {
      try writer.write("1", to: "cgroup.kill", of: group)
    } catch {
      // Before Linux 5.14. Forking away from this takes more turns, of which there are enough.
      for pid in processes(of: group) { ProcessHandle(pid: pid)?.signal(SIGKILL) }
    }
    return false
  }

  /// Whether groups below have limits of the controller of their own.
  func handsDown(_ controller: String) -> Bool {
    (read("cgroup.subtree_control") ?? "").split { $0 == " " || $0 == "\n" }.contains { $0 == controller }
  }

  func remove() throws(CgroupWriter.Failure) { try writer.removeGroup(path) }
}
