import Glibc

/// Bytes of a source into an open file.
struct Download {
  let stallSeconds: Int
  let guardian: Guardian
  /// The most that the file may become; nil for no bound but the disk.
  var limitBytes: Int64?

  private static let maxRedirects = 20

  func run(_ source: FetchSource, into output: Int32) throws(FetchFailure) {
    switch source {
    case .file(let path): try copy(path, into: output)
    case .net(let uri): try download(uri, into: output)
    }
  }

  // MARK: Files of this machine

  /// What the user may not read cannot be opened: this process is the user's.
  private func copy(_ path: String, into output: Int32) throws(FetchFailure) {
    let input = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard input >= 0 else { throw FetchFailure(cannot: "read \(path)") }
    defer { close(input) }
    var status = stat()
    guard fstat(input, &status) == 0 else { throw FetchFailure(cannot: "read \(path)") }
    guard status.st_mode & S_IFMT != S_IFDIR else { throw FetchFailure("\(path) is a directory") }
    guard status.st_mode & S_IFMT == S_IFREG else { throw FetchFailure("\(path) is not a regular file") }
    if let limitBytes, Int64(status.st_size) > limitBytes { throw FetchFailure.largerThanCache }
    try pump(input, path, into: output)
  }

  func pump(_ input: Int32, _ path: String, into output: Int32) throws(FetchFailure) {
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    var total: Int64 = 0
    while true {
      try guardian.check()
      let count = read(input, &buffer, buffer.count)
      guard count >= 0 else { throw FetchFailure(cannot: "read \(path)") }
      if count == 0 { return }
      total += Int64(count)
      if let limitBytes, total > limitBytes { throw FetchFailure.largerThanCache }
      var written = 0
      while written < count {
        let step = buffer[written..<count].withUnsafeBytes { write(output, $0.baseAddress, $0.count) }
        guard step > 0 else { throw errno == ENOSPC ? .diskFull : FetchFailure(cannot: "write the file") }
        written += step
      }
    }
  }

  // MARK: The net

  /// The URI goes to curl in a configuration on its standard input: so it is no option, is not seen in the list of
  /// processes, and its brackets and braces mean nothing.
  private func download(_ uri: String, into output: Int32) throws(FetchFailure) {
    let curl = try Tool("curl")
    let seconds = String(max(1, stallSeconds))
    var arguments = [
      "--disable", "--config", "-", "--silent", "--show-error", "--fail", "--globoff", "--location", "--max-redirs",
      String(Self.maxRedirects), "--proto", "=http,https,ftp,ftps", "--proto-redir", "=http,https,ftp,ftps",
      "--connect-timeout", seconds, "--speed-limit", "1", "--speed-time", seconds,
      "--write-out", "%{stderr}\\n%{http_code} %{num_redirects}",
    ]
    if let limitBytes { arguments += ["--max-filesize", String(limitBytes)] }
    let input = try Self.configuration(uri)
    defer { close(input) }
    let outcome = try curl.run(
      arguments, input: input, output: output, fileLimitBytes: limitBytes, guardian: guardian)
    try judge(outcome, uri)
  }

  private static func configuration(_ uri: String) throws(FetchFailure) -> Int32 {
    let quoted = uri.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
    let text = Array("url = \"\(quoted)\"\n".utf8)
    // A pipe holds 64 kB without a reader.
    guard text.count < 32 << 10 else { throw FetchFailure("the URI is longer than 32 kB") }
    let (reading, writing) = try Tool.pipe()
    defer { close(writing) }
    guard write(writing, text, text.count) == text.count else {
      close(reading)
      throw FetchFailure(cannot: "write the configuration for curl")
    }
    return reading
  }

  private func judge(_ outcome: Tool.Outcome, _ uri: String) throws(FetchFailure) {
    var lines = outcome.errors.split(whereSeparator: \.isNewline)
    let code = lines.popLast().flatMap { $0.split(separator: " ").first }.flatMap { Int($0) } ?? 0
    if outcome.isSuccess {
      let expected = uri.lowercased().hasPrefix("ftp") ? 226 : 200
      guard code == expected else {
        throw FetchFailure("the server answered with status \(code) instead of \(expected)")
      }
      return
    }
    switch (outcome.exitCode, outcome.signal) {
    case (22?, _): throw FetchFailure("the server answered with status \(code)")
    case (63?, _), (_, SIGXFSZ?): throw FetchFailure.largerThanCache
    case (23?, _) where guardian.isDiskFull: throw .diskFull
    case (28?, _):
      throw FetchFailure("the transfer stalled for \(max(1, stallSeconds)) s (\(Self.reason(lines, outcome)))")
    default: throw FetchFailure(Self.reason(lines, outcome))
    }
  }

  private static func reason(_ lines: [Substring], _ outcome: Tool.Outcome) -> String {
    guard let line = lines.last(where: { $0.hasPrefix("curl: ") }) else {
      return outcome.signal.map { "curl was ended by signal \($0)" } ?? "curl failed without a reason"
    }
    return String(line)
  }
}
