import Dispatch
import Fetching
import Glibc

/// A running `tepui-fetcher`. Belongs to the queue that it was started for.
final class FetcherProcess {
  typealias Ended = (FetchFailure?) -> Void

  /// The number that the first of `descriptors` has in the process; the others follow.
  static let firstDescriptor: Int32 = 32
  static let maxDescriptors = 64

  private let pid: pid_t
  private let source: any DispatchSourceRead
  /// What held the job holds the reason of a failure in the end.
  private let file: Int32
  private var ended: Ended?

  /// - Parameters:
  ///   - jobFile: where the job may be written to for a moment.
  ///   - descriptors: stay the caller's; at most `maxDescriptors`.
  ///   - ended: called once, on the queue, when no process is left; with nil if the job is done.
  init(
    _ program: String, _ job: FetchJob, jobFile: String, descriptors: [Int32], on queue: DispatchQueue,
    ended: @escaping Ended
  ) throws(FileError) {
    file = try Self.write(job.bytes, to: jobFile)
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
      let failure = FileError("start", program)
      close(file)
      throw failure
    }
    let socket = ends[0]
    defer { close(ends[1]) }
    do {
      pid = try Self.spawn(program, socket: ends[1], file: file, descriptors)
    } catch {
      close(socket)
      close(file)
      throw error
    }
    self.ended = ended
    source = DispatchSource.makeReadSource(fileDescriptor: socket, queue: queue)
    source.setCancelHandler { close(socket) }
    // Holds itself until the process has ended.
    source.setEventHandler { [self] in hear(socket) }
    source.resume()
  }

  /// Ends it, and the tools that it started: they are one session.
  func end() {
    if ended != nil { kill(-pid, SIGKILL) }
  }

  /// Nothing is ever sent: the socket becomes readable once, by the end of the process.
  private func hear(_ socket: Int32) {
    var byte: UInt8 = 0
    guard recv(socket, &byte, 1, Int32(MSG_DONTWAIT)) == 0 || errno != EAGAIN else { return }
    // What it started may be left if it was killed alone.
    kill(-pid, SIGKILL)
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    let ended = ended
    self.ended = nil
    source.setEventHandler {}
    source.cancel()
    let failure = failure(status)
    close(file)
    ended?(failure)
  }

  private func failure(_ status: Int32) -> FetchFailure? {
    if status == 0 { return nil }
    let signal = status & 0x7f
    if signal != 0 { return FetchFailure("the fetcher was ended by signal \(signal)") }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = pread(file, &buffer, buffer.count, 0)
    guard status >> 8 & 0xff == EXIT_FAILURE, count > 0 else {
      return FetchFailure("the fetcher exited with status \(status >> 8 & 0xff)")
    }
    return FetchFailure(String(decoding: buffer[..<count], as: UTF8.self))
  }

  private static func write(_ bytes: [UInt8], to path: String) throws(FileError) -> Int32 {
    let file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { throw FileError("write", path) }
    unlink(path)
    guard Glibc.write(file, bytes, bytes.count) == bytes.count else {
      let failure = FileError("write", path)
      close(file)
      throw failure
    }
    return file
  }

  private static func spawn(
    _ program: String, socket: Int32, file: Int32, _ descriptors: [Int32]
  ) throws(FileError) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    var copies: [Int32] = []
    defer { for copy in copies { close(copy) } }
    let targets = [0, 1] + (0..<Int32(descriptors.count)).map { firstDescriptor + $0 }
    for (source, number) in zip([socket, file] + descriptors, targets) {
      // Above all that they become, so that none is written over before its turn.
      let copy = fcntl(source, F_DUPFD_CLOEXEC, firstDescriptor + Int32(maxDescriptors))
      guard copy >= 0 else { throw FileError("start", program) }
      copies.append(copy)
      posix_spawn_file_actions_adddup2(&actions, copy, number)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The agent ignores some signals and its threads block others.
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | ownSession))
    var words: [UnsafeMutablePointer<CChar>?] = [strdup(program), nil]
    defer { free(words[0]) }
    var pid: pid_t = 0
    let error = posix_spawn(&pid, program, &actions, &attributes, &words, environ)
    guard error == 0 else { throw FileError("start", program, code: error) }
    return pid
  }

  /// POSIX_SPAWN_SETSID, which glibc shows to its own only.
  private static let ownSession: Int32 = 0x80
}
