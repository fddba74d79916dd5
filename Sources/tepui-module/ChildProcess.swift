import Glibc

/// One run of this program as a process of its own: what is done with a module happens there, so that a module which
/// crashes or hangs takes nothing with it.
struct ChildProcess {
  enum End: Equatable {
    case exited(Int32)
    case signalled(Int32)
    case timedOut
  }

  var end: End
  var output: String

  /// Runs this program with `arguments`; what it says on standard error is not kept.
  ///
  /// - Parameter limitSeconds: after which it is killed.
  static func run(_ arguments: [String], limitSeconds: Int) throws(SystemError) -> ChildProcess {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw SystemError("make a pipe") }
    // The child's end becomes its standard output, which stays open.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[0]) }
    let pid: pid_t
    do {
      defer { close(ends[1]) }
      pid = try spawn(arguments, output: ends[1])
    }
    let bytes = read(ends[0], limitSeconds: limitSeconds)
    // A module may have left a process of its own behind that holds the pipe.
    if bytes == nil { kill(-pid, SIGKILL) }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    kill(-pid, SIGKILL)
    let end: End =
      bytes == nil ? .timedOut : status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .signalled(status & 0x7f)
    return ChildProcess(end: end, output: String(decoding: bytes ?? [], as: UTF8.self))
  }

  private static func spawn(_ arguments: [String], output: Int32) throws(SystemError) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    posix_spawnattr_setpgroup(&attributes, 0)
    var argv: [UnsafeMutablePointer<CChar>?] = (["tepui-module"] + arguments).map { strdup($0) } + [nil]
    defer { for argument in argv { free(argument) } }
    var pid: pid_t = 0
    let status = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, &argv, environ)
    guard status == 0 else { throw SystemError("start /proc/self/exe", code: status) }
    return pid
  }

  /// All that is written until the end; nil when that does not come in time.
  private static func read(_ file: Int32, limitSeconds: Int) -> [UInt8]? {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    let deadline = monotonicMs() + limitSeconds * 1000
    while true {
      var ready = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
      let left = deadline - monotonicMs()
      guard left > 0 else { return nil }
      if poll(&ready, 1, Int32(clamping: left)) <= 0 { continue }
      let count = Glibc.read(file, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return bytes }
      bytes += chunk[..<count]
    }
  }

  private static func monotonicMs() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
  }
}

/// A system call that failed.
struct SystemError: Error, CustomStringConvertible {
  let description: String
  init(_ deed: String, code: Int32 = errno) { description = "cannot \(deed): \(String(cString: strerror(code)))" }
}
