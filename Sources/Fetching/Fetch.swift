import Glibc

/// Does a job, in a process of its own that belongs to the user.
public struct Fetch {
  private let job: FetchJob
  private let sandbox: SandboxDirectory
  private let guardian: Guardian
  private let log = FetchLog()

  /// Gives up the rights of the agent for good, and writes what is said from now on into the sandbox.
  ///
  /// - Parameter agent: a socket; when its other end closes, the work ends.
  public init(_ job: FetchJob, agent: Int32) throws(FetchFailure) {
    try Self.becomeUser(of: job)
    umask(0o022)
    Tool.limitMemory()
    self.job = job
    sandbox = try SandboxDirectory(path: job.sandbox)
    if case .cache(_, let descriptor, _) = job.work {
      guardian = Guardian(agent: agent, file: descriptor)
    } else {
      guardian = Guardian(agent: agent, file: sandbox.descriptor)
    }
    try Self.redirectOutput(to: sandbox)
  }

  private static func becomeUser(of job: FetchJob) throws(FetchFailure) {
    if let user = job.user, user.uid != geteuid() || geteuid() == 0 {
      guard setgroups(user.groups.count, user.groups) == 0, setgid(user.gid) == 0, setuid(user.uid) == 0 else {
        throw FetchFailure(cannot: "become user \(user.uid)")
      }
    }
  }

  private static func redirectOutput(to sandbox: SandboxDirectory) throws(FetchFailure) {
    let output = openat(
      sandbox.descriptor, "stderr", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o644)
    var status = stat()
    guard output >= 0, fstat(output, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      dup2(output, STDOUT_FILENO) >= 0, dup2(output, STDERR_FILENO) >= 0
    else { throw FetchFailure(cannot: "write to stderr in the sandbox") }
    close(output)
    guard fchdir(sandbox.descriptor) == 0 else { throw FetchFailure(cannot: "enter the sandbox") }
  }

  /// Throws for the first URI that cannot be fetched: with the URI and the cause, or for the cache the cause alone.
  public func run() throws(FetchFailure) {
    switch job.work {
    case .fill(let items):
      for item in items {
        try naming(item.uri) { () throws(FetchFailure) in try fetch(item) }
      }
      log.info("Successfully fetched all URIs into '\(job.sandbox)'")
    case .cache(let uri, let descriptor, let limitBytes):
      log.info("Fetching URI '\(uri)' into the cache")
      let download = Download(stallSeconds: job.stallSeconds, guardian: guardian, limitBytes: limitBytes)
      try download.run(try FetchSource(uri, frameworksHome: job.frameworksHome), into: descriptor)
    }
  }

  private func naming(_ uri: String, _ body: () throws(FetchFailure) -> Void) throws(FetchFailure) {
    do throws(FetchFailure) {
      try body()
    } catch {
      let failure = FetchFailure("Failed to fetch '\(FetchFailure.withoutPassword(uri))': \(error)")
      log.error(failure.description)
      throw failure
    }
  }

  private func fetch(_ item: FetchJob.Item) throws(FetchFailure) {
    log.info("Fetching URI '\(item.uri)'")
    let target = try FetchTarget(item)
    let kind = item.extracts && !item.isExecutable ? ArchiveKind(name: target.name) : nil
    if item.extracts && !item.isExecutable && kind == nil {
      log.info("Copying '\(item.uri)' as it is, because its name is not that of an archive")
    }
    let download = Download(stallSeconds: job.stallSeconds, guardian: guardian)
    switch item.origin {
    case .failed(let reason): throw FetchFailure(reason)
    case .descriptor(let cached):
      if let kind {
        // As in Mesos, of an archive in the cache only the content comes into the sandbox.
        try Extraction(guardian: guardian).run(kind, of: cached, name: target.name, into: sandbox)
      } else {
        try write(item, target, sandbox) { output throws(FetchFailure) in
          try download.pump(cached, "the cache", into: output)
        }
      }
    case .uri:
      let source = try FetchSource(item.uri, frameworksHome: job.frameworksHome)
      let directory = try write(item, target, sandbox) { output throws(FetchFailure) in
        try download.run(source, into: output)
      }
      guard let kind else { break }
      let archive = try directory.openFile(target.name)
      defer { close(archive) }
      try Extraction(guardian: guardian).run(kind, of: archive, name: target.name, into: sandbox)
    }
    log.info(
      "Fetched '\(item.uri)' to '\(([job.sandbox] + target.directories + [target.name]).joined(separator: "/"))'")
  }

  @discardableResult
  private func write(
    _ item: FetchJob.Item, _ target: FetchTarget, _ sandbox: SandboxDirectory,
    _ fill: (Int32) throws(FetchFailure) -> Void
  ) throws(FetchFailure) -> SandboxDirectory {
    var directory = sandbox
    for name in target.directories { directory = try directory.directory(name) }
    try directory.write(target.name, mode: item.isExecutable ? 0o755 : 0o644, fill)
    return directory
  }
}
