import Glibc

/// A program of the system that does the work: curl, tar, unzip, gzip.
struct Tool {
  let name: String
  private let path: String

  private static let packages = ["xz": "xz-utils"]
  /// More than any of them needs for honest input; archives can ask for more.
  private static let memoryBytes: rlim_t = 2 << 30

  /// What a tool was given by the agent's own environment and may need: proxies, certificates.
  private static let inherited = [
    "http_proxy", "https_proxy", "HTTPS_PROXY", "ftp_proxy", "FTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy",
    "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE",
  ]
  private static let directories = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]

  init(_ name: String) throws(FetchFailure) {
    self.name = name
    guard let path = Self.directories.map({ "\($0)/\(name)" }).first(where: Self.isProgram) else {
      throw FetchFailure(
        "\(name) is not installed on this agent; its operator should install the package \(Self.packages[name] ?? name)"
      )
    }
    self.path = path
  }

  private static func isProgram(_ path: String) -> Bool { access(path, X_OK) == 0 }

  struct Outcome {
    /// As waitpid gives it.
    var status: Int32
    /// The end of what it wrote to standard error.
    var errors: String

    var isSuccess: Bool { status == 0 }
    var exitCode: Int32? { status & 0x7f == 0 ? status >> 8 & 0xff : nil }
    var signal: Int32? { status & 0x7f == 0 ? nil : status & 0x7f }
    /// The last line that says something.
    var lastError: String {
      errors.split(whereSeparator: \.isNewline).last.map(String.init) ?? signal.map { "it was ended by signal \($0)" }
        ?? "it gave no reason"
    }
  }

  /// Runs it to its end, or until `guardian` wants it ended.
  ///
  /// - Parameters:
  ///   - input: becomes its standard input; nil is nothing.
  ///   - output: becomes its standard output; nil is nowhere.
  ///   - archive: becomes descriptor 5.
  func run(
    _ arguments: [String], input: Int32? = nil, output: Int32? = nil, archive: Int32? = nil,
    fileLimitBytes: Int64? = nil,
    guardian: Guardian
  ) throws(FetchFailure) -> Outcome {
    let (end, start) = try Self.pipe()
    defer { close(end) }
    let pid = try starting(closing: start) { () throws(FetchFailure) in
      try spawn(arguments, input, output, errors: start, archive, fileLimitBytes)
    }
    var errors: [UInt8] = []
    do throws(FetchFailure) {
      try guardian.collect(from: end) { bytes in
        errors += bytes
        if errors.count > 8192 { errors.removeFirst(errors.count - 4096) }
      }
    } catch {
      kill(pid, SIGKILL)
      var status: Int32 = 0
      waitpid(pid, &status, 0)
      throw error
    }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    return Outcome(status: status, errors: String(decoding: errors, as: UTF8.self))
  }

  private func starting(
    closing descriptor: Int32, _ spawn: () throws(FetchFailure) -> pid_t
  ) throws(FetchFailure) -> pid_t {
    defer { close(descriptor) }
    return try spawn()
  }

  /// This process has one thread, so nothing is started between making the descriptors and closing them on exec.
  static func pipe() throws(FetchFailure) -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [-1, -1]
    guard Glibc.pipe(&ends) == 0 else { throw FetchFailure(cannot: "make a pipe") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  private func spawn(
    _ arguments: [String], _ input: Int32?, _ output: Int32?, errors: Int32, _ archive: Int32?, _ limit: Int64?
  ) throws(FetchFailure) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // Above what they become, so that none is written over before its turn.
    var copies: [Int32] = []
    defer { for copy in copies { close(copy) } }
    for (source, target) in [(input, 0), (output, 1), (errors, 2), (archive, Self.archiveDescriptor)]
      as [(Int32?, Int32)]
    {
      if let source {
        let copy = fcntl(source, F_DUPFD_CLOEXEC, 16)
        guard copy >= 0 else { throw FetchFailure(cannot: "copy a descriptor") }
        copies.append(copy)
        posix_spawn_file_actions_adddup2(&actions, copy, target)
      } else if target < 2 {
        posix_spawn_file_actions_addopen(&actions, target, "/dev/null", target == 0 ? O_RDONLY : O_WRONLY, 0)
      }
    }
    let words = ([name] + arguments).map { strdup($0) } + [nil]
    let environment = Self.environment().map { strdup($0) } + [nil]
    defer { for word in words + environment { free(word) } }
    var pid: pid_t = 0
    let error = try Self.limited(fileBytes: limit) { posix_spawn(&pid, path, &actions, nil, words, environment) }
    guard error == 0 else { throw FetchFailure(cannot: "start \(path)", code: error) }
    return pid
  }

  /// Limits are inherited: they are this process's own while it starts another.
  private static func limited(fileBytes: Int64?, _ start: () -> Int32) throws(FetchFailure) -> Int32 {
    var old = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &old) == 0 else {
      throw FetchFailure(cannot: "read the limit on the size of files")
    }
    var new = old
    if let fileBytes { new.rlim_cur = min(old.rlim_max, rlim_t(max(0, fileBytes))) }
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &new)
    defer { setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &old) }
    return start()
  }

  /// For this process, which needs little, and for the tools that it starts.
  static func limitMemory() {
    var limit = rlimit()
    let kind = __rlimit_resource_t(RLIMIT_AS.rawValue)
    guard getrlimit(kind, &limit) == 0 else { return }
    limit.rlim_cur = min(limit.rlim_max, memoryBytes)
    setrlimit(kind, &limit)
  }

  /// Where a tool finds the archive that it is given: no name of the archive is ever an argument.
  static let archivePath = "/proc/self/fd/5"
  private static let archiveDescriptor: Int32 = 5

  private static func environment() -> [String] {
    // A shell of its own for compressed archives is looked up by tar.
    var variables = ["PATH=\(directories.joined(separator: ":"))", "LC_ALL=C.UTF-8", "HOME=/nonexistent"]
    for name in inherited {
      if let value = getenv(name) { variables.append("\(name)=\(String(cString: value))") }
    }
    return variables
  }
}
