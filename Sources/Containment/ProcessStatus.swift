import CLaunch
import Glibc

/// What /proc/<pid>/stat tells of a process.
struct ProcessStatus: Equatable {
  let pid: Int32
  let state: Character
  let parent: Int32
  let session: Int32
  /// Clock ticks since boot. With the pid it names a process for the life of the machine: pids are used again.
  let startTime: UInt64

  /// nil if there is no such process.
  init?(of pid: Int32) {
    guard let text = try? Files.read("/proc/\(pid)/stat") else { return nil }
    self.init(pid: pid, stat: text)
  }

  /// The program's name is in parentheses and may hold anything, even ") ": fields count from the last one.
  init?(pid: Int32, stat: String) {
    guard let end = stat.utf8.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    let fields = stat[stat.utf8.index(after: end)...].split(separator: " ", maxSplits: 20)
    guard fields.count > 19, let state = fields[0].first, let parent = Int32(fields[1]),
      let session = Int32(fields[3]), let startTime = UInt64(fields[19])
    else { return nil }
    self.pid = pid
    self.state = state
    self.parent = parent
    self.session = session
    self.startTime = startTime
  }

  var hasEnded: Bool { state == "Z" || state == "X" }
}

/// A process that cannot be confused with a later one of the same pid. Owns its pidfd.
final class ProcessHandle {
  let pid: Int32
  let startTime: UInt64
  let pidfd: Int32
  /// Whether it was a child of this process and exited with status 0. Known after `hasEnded` said so.
  private(set) var endedInOrder = false
  private var wasReaped = false

  /// Takes over a pidfd that came with the process.
  init?(pid: Int32, pidfd: Int32) {
    guard let status = ProcessStatus(of: pid) else {
      close(pidfd)
      return nil
    }
    self.pid = pid
    self.startTime = status.startTime
    self.pidfd = pidfd
  }

  /// nil if there is no such process, or if it is not the one that started then.
  convenience init?(pid: Int32, startTime: UInt64? = nil) {
    let pidfd = launch_pidfd_open(pid)
    guard pidfd >= 0 else { return nil }
    // The order matters: what /proc says now holds for the process that the pidfd names, or that one has ended.
    self.init(pid: pid, pidfd: pidfd)
    if let startTime, startTime != self.startTime { return nil }
  }

  deinit { close(pidfd) }

  func signal(_ number: Int32) { _ = launch_pidfd_signal(pidfd, number) }

  /// Whether it has ended; its zombie is reaped if it is a child of this process.
  func hasEnded() -> Bool {
    if wasReaped { return true }
    var status: Int32 = 0
    if launch_pidfd_reap(pidfd, &status) == 1 {
      wasReaped = true
      endedInOrder = status == 0
      return true
    }
    var poll = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
    return Glibc.poll(&poll, 1, 0) == 1
  }
}
