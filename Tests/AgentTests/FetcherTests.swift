import Containment
import Fetching
import Foundation
import Glibc
import Logging
import Testing
import Wire

@testable import tepui_agent

/// A fetcher with real processes, a web server and a directory of its own.
struct FetcherHarness: Sendable {
  let directory: TemporaryDirectory
  let web: WebServer
  private(set) var fetcher: Fetcher
  private let cacheSizeBytes: Int64
  private let stallSeconds: Int

  init(cacheSizeBytes: Int64 = 1 << 20, stallSeconds: Int = 30) async throws {
    self.cacheSizeBytes = cacheSizeBytes
    self.stallSeconds = stallSeconds
    directory = try TemporaryDirectory()
    // Sandboxes belong to others, who have to get there.
    chmod(directory.path, 0o755)
    web = try await WebServer.start()
    fetcher = Self.fetcher(directory, cacheSizeBytes, stallSeconds)
  }

  /// As a restart of the agent does it.
  mutating func restart() { fetcher = Self.fetcher(directory, cacheSizeBytes, stallSeconds) }

  private static func fetcher(_ directory: TemporaryDirectory, _ size: Int64, _ stallSeconds: Int) -> Fetcher {
    let tests = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().path
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path
    let beside = "\(tests)/tepui-fetcher"
    let program = FileManager.default.fileExists(atPath: beside) ? beside : "\(root)/.build/debug/tepui-fetcher"
    return Fetcher(
      Fetcher.Configuration(
        program: program, runtimeDirectory: directory.path, cacheDirectory: "\(directory.path)/cache",
        cacheSizeBytes: size, stallSeconds: stallSeconds, frameworksHome: "\(directory.path)/home",
        log: Logger(label: "test")))
  }

  struct Result {
    var failure: String?
    var sandbox: String

    func text(_ name: String) -> String? { try? String(contentsOfFile: "\(sandbox)/\(name)", encoding: .utf8) }
    var log: String { text("stderr") ?? "" }
    /// All but the log, hidden files too.
    var names: [String] {
      ((try? FileManager.default.contentsOfDirectory(atPath: sandbox)) ?? []).filter { $0 != "stderr" }.sorted()
    }
  }

  func request(_ id: String, _ uris: [MesosCommandInfo.URI], user: String? = nil) throws -> Fetcher.Request {
    let sandbox = try directory.make(id)
    let account = user.flatMap { UserAccount($0) }
    if let account { try #require(chown(sandbox, account.uid, account.gid) == 0) }
    return Fetcher.Request(containerID: id, uris: uris, sandbox: sandbox, user: user, account: account)
  }

  func fetch(_ uris: [MesosCommandInfo.URI], into id: String = UUID().uuidString, user: String? = nil) async throws
    -> Result
  {
    let request = try request(id, uris, user: user)
    let failure = await withCheckedContinuation { done in
      fetcher.fetch(request) { done.resume(returning: $0?.description) }
    }
    return Result(failure: failure, sandbox: request.sandbox)
  }

  /// Makes an archive of what a shell script makes in an empty directory.
  func archive(_ name: String, _ command: String, of script: String) throws -> String {
    let source = try directory.make("source-\(name)")
    try shell("cd '\(source)' && \(script) && \(command)")
    return "\(directory.path)/\(name)"
  }

  func shell(_ script: String) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-ec", script]
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(script)")
  }
}

func uri(_ value: String, _ change: (inout MesosCommandInfo.URI) -> Void = { _ in }) -> MesosCommandInfo.URI {
  var uri = MesosCommandInfo.URI()
  uri.value = value
  change(&uri)
  return uri
}

func has(_ tools: String...) -> Bool {
  tools.allSatisfy { tool in ["/usr/bin", "/bin"].contains { access("\($0)/\(tool)", X_OK) == 0 } }
}

private func mode(_ path: String) -> mode_t {
  var status = stat()
  return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
}

@Suite struct FetcherTests {
  // MARK: Files of the machine

  @Test func filesAreCopiedUnderTheirNames() async throws {
    let harness = try await FetcherHarness()
    let source = try harness.directory.write("data", to: "in put'\"$x.txt")
    _ = try harness.directory.make("home")
    try harness.directory.write("relative", to: "home/-rf")
    let result = try await harness.fetch([
      uri(source), uri("file://\(source)") { $0.outputFile = "a/b/other.txt" }, uri("-rf"),
      uri(source) {
        $0.outputFile = "run"
        $0.executable = true
      },
    ])
    #expect(result.failure == nil)
    #expect(result.names == ["-rf", "a", "in put'\"$x.txt", "run"])
    #expect(result.text("in put'\"$x.txt") == "data" && result.text("a/b/other.txt") == "data")
    #expect(mode("\(result.sandbox)/-rf") == 0o644 && mode("\(result.sandbox)/run") == 0o755)
    #expect(result.log.contains("Fetched '\(source)' to '\(result.sandbox)/run'"))
    #expect(result.log.contains("Successfully fetched all URIs into '\(result.sandbox)'"))
    #expect(harness.fetcher.statistics.succeeded == 1)
  }

  @Test(arguments: [
    ("/no/such/file", "Failed to fetch '/no/such/file': cannot read /no/such/file: No such file or directory"),
    ("/etc", "Failed to fetch '/etc': /etc is a directory"),
    ("/dev/null", "Failed to fetch '/dev/null': /dev/null is not"),
    ("relative", "--frameworks_home"), ("hdfs://h/x", "'hdfs' is no scheme"), ("/tmp/a\nb", "control character"),
  ])
  func whatCannotBeFetchedIsNamedWithItsCause(value: String, text: String) async throws {
    let harness = try await FetcherHarness()
    let result = try await harness.fetch([uri("/etc/hostname"), uri(value)])
    if value == "relative" {
      #expect(result.failure?.contains("cannot read") == true)
    } else {
      #expect(result.failure?.contains(text) == true, "\(result.failure ?? "no failure")")
    }
    #expect(result.names == ["hostname"] && result.log.contains(result.failure ?? "-"))
    #expect(harness.fetcher.statistics.failed == 1)
  }

  @Test(.enabled(if: geteuid() == 0 && othersMayPassThroughRoot, "needs root, and a / that others may pass through"))
  func theUserFetchesWhatHeMayReadAndOwnsIt() async throws {
    let harness = try await FetcherHarness()
    let secret = try harness.directory.write("secret", to: "secret")
    chmod(secret, 0o600)
    let refused = try await harness.fetch([uri(secret)], user: "65534")
    #expect(refused.failure?.hasSuffix("Permission denied") == true && refused.names == [])
    chmod(secret, 0o644)
    let result = try await harness.fetch([uri(secret) { $0.cache = true }], user: "65534")
    #expect(result.failure == nil)
    var status = stat()
    #expect(stat("\(result.sandbox)/secret", &status) == 0 && status.st_uid == 65534 && status.st_gid == 65534)
    #expect(stat("\(result.sandbox)/stderr", &status) == 0 && status.st_uid == 65534)
  }

  /// Some machines made from an archive have a root directory that only root may pass through.
  private static let othersMayPassThroughRoot: Bool = {
    var status = stat()
    return stat("/", &status) == 0 && status.st_mode & 1 != 0
  }()

  // MARK: The net

  @Test(.enabled(if: has("curl"), "needs curl")) func filesOfTheNetAreFetched() async throws {
    let harness = try await FetcherHarness()
    harness.web.put("a", Array("data".utf8))
    harness.web.put("b", [UInt8](repeating: 7, count: 3 << 20))
    harness.web.put("x[1-3]{a,b}\"", Array("odd".utf8))
    let result = try await harness.fetch([
      uri(harness.web.uri("/files/a")), uri(harness.web.uri("/files/b")),
      uri(harness.web.uri("/moved/a")) { $0.outputFile = "moved" },
      uri(harness.web.uri("/files/a?x=1&y=2")),
    ])
    #expect(result.failure == nil)
    #expect(result.names == ["a", "a?x=1&y=2", "b", "moved"] && result.text("moved") == "data")
    #expect(FileManager.default.contents(atPath: "\(result.sandbox)/b")?.count == 3 << 20)
  }

  @Test(
    .enabled(if: has("curl"), "needs curl"),
    arguments: [
      ("/files/none", "the server answered with status 404"), ("/loop/x", "redirects"),
      ("/never/x", "the transfer stalled for 1 s"),
    ]) func failuresOfTheNetAreTold(path: String, text: String) async throws
  {
    let harness = try await FetcherHarness(stallSeconds: 1)
    for cache in [false, true] {
      let result = try await harness.fetch([uri(harness.web.uri(path)) { $0.cache = cache }])
      #expect(result.failure?.hasPrefix("Failed to fetch '\(harness.web.uri(path))': ") == true)
      #expect(result.failure?.contains(text) == true, "\(result.failure ?? "")")
      #expect(result.names == [] && result.log.contains(text))
    }
  }

  @Test(.enabled(if: has("curl"), "needs curl")) func aServerThatIsNotThereIsToldWithoutThePassword() async throws {
    let harness = try await FetcherHarness()
    let result = try await harness.fetch([uri("http://me:secret@127.0.0.1:1/x")])
    #expect(result.failure?.hasPrefix("Failed to fetch 'http://***@127.0.0.1:1/x': curl: (7)") == true)
  }

  @Test(.enabled(if: has("curl"), "needs curl")) func aFetchThatIsCancelledEndsAtOnceWithItsProcesses() async throws {
    let harness = try await FetcherHarness(stallSeconds: 600)
    for cache in [false, true] {
      let request = try harness.request("c-\(cache)", [uri(harness.web.uri("/never/x")) { $0.cache = cache }])
      let before = harness.web.requests("/never/x")
      async let failure = withCheckedContinuation { done in
        harness.fetcher.fetch(request) { done.resume(returning: $0?.description) }
      }
      while harness.web.requests("/never/x") == before { try await Task.sleep(for: .milliseconds(5)) }
      harness.fetcher.cancel("c-\(cache)")
      #expect(await failure != nil)
    }
    // Of a download nobody waits for the end.
    while try !processes(in: harness.directory.path).isEmpty { try await Task.sleep(for: .milliseconds(5)) }
  }

  @Test func aFetchThatIsCancelledBeforeItBeginsDoesNotBegin() async throws {
    let harness = try await FetcherHarness()
    harness.fetcher.expect("early")
    harness.fetcher.cancel("early")
    let result = try await harness.fetch([uri("/etc/hostname")], into: "early")
    #expect(result.failure == "it was no longer wanted" && result.names == [])
  }

  /// Processes that work in a directory.
  private func processes(in directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { UInt($0) != nil }.filter { pid in
      let place = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/cwd")
      return place?.hasPrefix(directory) == true
    }
  }
}
