import Glibc
import ModuleHost

/// The groups of one container: its own, which has the limits, and two below it. Processes live in `leaf`, so that they
/// can be killed at one stroke; their supervisor in `supervisor`, so that it survives that and tells the exit status.
struct ContainerCgroup: CgroupReading {
  let path: String
  private let writer: CgroupWriter
  private let reader: CgroupReader

  var leaf: String { "\(path)/leaf" }
  var supervisor: String { "\(path)/supervisor" }

  init(path: String, writer: CgroupWriter) {
    self.path = path
    self.writer = writer
    reader = CgroupReader(group: path, files: writer.files)
  }

  /// Makes the groups with their limits. After a failure the caller removes what there is.
  func make(_ plan: ContainerPlan) throws(CgroupWriter.Failure) {
    // Left by an agent that died between its groups and its record; it cannot be removed if anything lives in it.
    if exists { try writer.removeGroup(path) }
    try writer.makeGroup(path)
    for key in plan.cgroup { try write(key) }
    if !plan.devices.isEmpty { try writer.allow(plan.devices, in: path) }
    try writer.makeGroup(supervisor)
    try writer.makeGroup(leaf)
  }

  /// The groups of a command that visits the container. They lie below its leaf: what ends the one ends the other.
  func forVisitor(_ id: String) -> ContainerCgroup { ContainerCgroup(path: "\(leaf)/\(id)", writer: writer) }

  var exists: Bool { writer.files.read("\(path)/cgroup.events") != nil }

  func write(_ key: ContainerPlan.CgroupKey) throws(CgroupWriter.Failure) {
    do {
      try writer.write(key.value, to: key.file, of: path)
    } catch {
      guard key.isOptional && error.entry.answer == ENOENT else { throw error }
    }
  }

  /// Writes what it can. Answers what was refused.
  func write(_ keys: [ContainerPlan.CgroupKey]) -> [(key: ContainerPlan.CgroupKey, failure: CgroupWriter.Failure)] {
    keys.compactMap { key in
      do throws(CgroupWriter.Failure) {
        try write(key)
        return nil
      } catch {
        return (key, error)
      }
    }
  }

  func read(_ file: String) -> String? {
    guard !file.contains("/") else { return nil }
    return writer.files.read("\(path)/\(file)")
  }

  /// Lists are those of the leaf, where what the container runs is.
  func read(_ file: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer) -> Int? {
    let isList = file.elementsEqual("cgroup.procs".utf8) || file.elementsEqual("cgroup.threads".utf8)
    return reader.read(file, below: isList ? "leaf/" : "", into: buffer)
  }

  /// - Parameter file: of a group below this one: "leaf/own/memory.max".
  func readNested(_ file: String) -> String? { writer.files.read("\(path)/\(file)") }

  /// The first group below this one whose file has a number above zero behind a key: its path from here.
  func descendant(where cause: PlanEntry.Watch.Cause) -> String? {
    descendants(of: path, depth: 0).first { nested in
      (Self.number(cause.key, in: writer.files.read("\(nested)/\(cause.file)")) ?? 0) > 0
    }.map { String($0.dropFirst(path.utf8.count + 1)) }
  }

  private func descendants(of group: String, depth: Int) -> [String] {
    guard depth < 32 else { return [] }
    return writer.files.directories(in: group).map { "\(group)/\($0)" }.flatMap {
      [$0] + descendants(of: $0, depth: depth + 1)
    }
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
      // Before Linux 5.14. Frozen processes cannot fork away from their killer, and still die of SIGKILL.
      try? writer.write("1", to: "cgroup.freeze", of: group)
      for pid in processes(of: group) { ProcessHandle(pid: pid)?.signal(SIGKILL) }
    }
    return false
  }

  func remove() throws(CgroupWriter.Failure) {
    reader.close()
    try writer.removeGroup(path)
  }
}
