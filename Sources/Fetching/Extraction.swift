import Glibc

/// Unpacks an archive with the tools of the system.
///
/// GNU tar and Info-ZIP's unzip take no name out of an archive that is absolute or goes up, and make the links of an
/// archive last; they work in an empty directory, so there are no other links that they could be led through.
struct Extraction {
  let guardian: Guardian

  func run(_ kind: ArchiveKind, of archive: Int32, name: String, into sandbox: SandboxDirectory) throws(FetchFailure) {
    switch kind {
    case .tar(let compression):
      // tar starts it by itself.
      if let compression { _ = try Tool(compression) }
      let tar = try Tool("tar")
      try sandbox.unpack { path throws(FetchFailure) in
        // Owners and modes are those of files that the user makes. A colon in a name is no other machine.
        let arguments = [
          "--extract", "--force-local", "--file=\(Tool.archivePath)", "--directory=\(path)", "--no-same-owner",
          "--no-same-permissions", "--delay-directory-restore",
        ]
        let outcome = try tar.run(arguments, archive: archive, guardian: guardian)
        guard outcome.isSuccess else { throw Self.failure("tar", outcome) }
      }
    case .zip:
      let unzip = try Tool("unzip")
      try sandbox.unpack { path throws(FetchFailure) in
        let outcome = try unzip.run(
          ["-qq", "-o", Tool.archivePath, "-d", path], archive: archive, guardian: guardian)
        // 1 is a warning: all was unpacked.
        guard outcome.exitCode == 0 || outcome.exitCode == 1 else { throw Self.failure("unzip", outcome) }
      }
    case .gzip:
      let gzip = try Tool("gzip")
      try sandbox.write(String(name.dropLast(".gz".count)), mode: 0o644) { output throws(FetchFailure) in
        let outcome = try gzip.run(["-d", "-c"], input: archive, output: output, guardian: guardian)
        guard outcome.isSuccess else { throw Self.failure("gzip", outcome) }
      }
    }
  }

  private static func failure(_ tool: String, _ outcome: Tool.Outcome) -> FetchFailure {
    // The last line of tar says only that there was an error before.
    let lines = outcome.errors.split(whereSeparator: \.isNewline).filter {
      !$0.contains("Exiting with failure status") && !$0.contains("Error is not recoverable")
    }
    return FetchFailure("it could not be unpacked: \(lines.last.map(String.init) ?? "\(tool): \(outcome.lastError)")")
  }
}
