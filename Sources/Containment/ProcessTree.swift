import CLaunch
import Glibc

/// The processes of a container where no cgroup holds them together: the descendants of its supervisor, which as
/// subreaper inherits every process whose parent ended.
enum ProcessTree {
  /// How often the tree is walked anew because processes forked meanwhile. All that were seen are stopped by then, so
  /// that only a tree which grows faster than it is walked needs more; the next sweep goes on with it.
  private static let walkLimit = 32

  /// Pids below a process, without itself. A snapshot: processes may fork while it is taken.
  static func descendants(of root: Int32) -> [Int32] {
    var found: [Int32] = []
    var known: Set<Int32> = [root]
    var next = [root]
    while let parent = next.popLast() {
      for child in children(of: parent) where known.insert(child).inserted {
        found.append(child)
        next.append(child)
      }
    }
    return found
  }

  /// Kills all descendants. They are stopped first, so that none forks away from the walk.
  static func killDescendants(of root: Int32) {
    var handles: [Int32: ProcessHandle] = [:]
    for _ in 0..<walkLimit {
      var isSettled = true
      for pid in descendants(of: root) where handles[pid] == nil {
        guard let handle = ProcessHandle(pid: pid), let status = ProcessStatus(of: pid) else { continue }
        // The pid may be another's by now; a process whose parent belongs to the tree belongs to it too.
        guard status.parent == root || handles[status.parent] != nil || isDescendant(status, of: root) else { continue }
        handles[pid] = handle
        if status.hasEnded { continue }
        handle.signal(SIGSTOP)
        isSettled = false
      }
      if isSettled { break }
    }
    for handle in handles.values { handle.signal(SIGKILL) }
  }

  static func signalDescendants(of root: Int32, _ number: Int32) {
    for pid in descendants(of: root) {
      guard let handle = ProcessHandle(pid: pid), let status = ProcessStatus(of: pid), isDescendant(status, of: root)
      else { continue }
      handle.signal(number)
    }
  }

  /// What is left of a container whose supervisor was killed: processes of the command's session, and processes that
  /// carry the container's marker in the environment they were started with.
  static func stragglers(command: (pid: Int32, startTime: UInt64)?, marker: String) -> [ProcessHandle] {
    let marker = Array(marker.utf8)
    let own = getpid()
    let startTime = command?.startTime ?? 0
    // A session is named by the pid of its first process. Another process of that pid means that it is not ours.
    let leader = command.flatMap { ProcessStatus(of: $0.pid) }
    let session = leader == nil || leader?.startTime == startTime ? command?.pid : nil
    return Files.list("/proc").compactMap { Int32($0) }.compactMap { pid in
      guard pid != own, pid > 1, let status = ProcessStatus(of: pid), !status.hasEnded, status.startTime >= startTime
      else { return nil }
      guard status.session == session || environment(of: pid).contains(marker) else { return nil }
      return ProcessHandle(pid: pid, startTime: status.startTime)
    }
  }

  private static func environment(of pid: Int32) -> [[UInt8]] {
    guard let text = try? Files.read("/proc/\(pid)/environ") else { return [] }
    return text.utf8.split(separator: 0).map(Array.init)
  }

  private static func isDescendant(_ status: ProcessStatus, of root: Int32) -> Bool {
    var parent = status.parent
    // Deeper than any real tree; a walk through pids that end and come again must not run forever.
    for _ in 0..<4096 {
      if parent == root { return true }
      guard parent > 1, let next = ProcessStatus(of: parent) else { return false }
      parent = next.parent
    }
    return false
  }

  private static func children(of pid: Int32) -> [Int32] {
    guard hasChildrenFiles else { return childrenByScan(of: pid) }
    return Files.list("/proc/\(pid)/task").flatMap { thread -> [Int32] in
      guard let text = try? Files.read("/proc/\(pid)/task/\(thread)/children") else { return [] }
      return text.split(separator: " ").compactMap { Int32($0) }
    }
  }

  /// Kernels without CONFIG_PROC_CHILDREN have no such files.
  private static let hasChildrenFiles = access("/proc/self/task/\(getpid())/children", R_OK) == 0

  private static func childrenByScan(of pid: Int32) -> [Int32] {
    Files.list("/proc").compactMap { Int32($0) }.filter { ProcessStatus(of: $0)?.parent == pid }
  }
}
