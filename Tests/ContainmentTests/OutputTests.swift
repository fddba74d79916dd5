import Containment
import Foundation
import ModuleHost
import Testing

extension ContainmentTests {
  /// Outputs whose files are bounded.
  @Suite struct OutputTests {
    /// Writes numbered lines of 10 bytes.
    private static func lines(_ count: Int) -> String {
      "i=0; while [ $i -lt \(count) ]; do printf '%09d\\n' $i; i=$((i+1)); done"
    }

    private func text(_ range: Range<Int>) -> String {
      range.map { String(repeating: "0", count: 9 - "\($0)".count) + "\($0)\n" }.joined()
    }

    private func request(
      _ harness: Harness, _ script: String, bytes: UInt64 = 1000, older: UInt32 = 3, user: String? = nil
    ) throws -> LaunchRequest {
      var request = try harness.request("a", script, user: user)
      if user != nil { chmod(request.description.sandbox, 0o777) }
      request.outputBounds = .init(stdoutBytes: bytes, stderrBytes: bytes, olderFiles: older)
      return request
    }

    private func run(_ harness: Harness, _ request: LaunchRequest) async throws -> ContainerExit {
      _ = try await harness.launch(request).get()
      return try await harness.exit(of: "a")
    }

    private func files(_ harness: Harness) throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: "\(harness.directory)/sandbox-a").sorted()
    }

    @Test func fullFilesMoveOnAndTheOldestGoes() async throws {
      let harness = try Harness()
      let exit = try await run(harness, request(harness, "\(Self.lines(1000)); echo err >&2; exit 4"))
      #expect(exit.waitStatus == 4 << 8)
      #expect(try files(harness) == ["stderr", "stdout", "stdout.1", "stdout.2", "stdout.3"])
      let names = ["stdout.3", "stdout.2", "stdout.1", "stdout"]
      let contents = names.map { harness.output(of: "a", $0) }
      #expect(contents.allSatisfy { $0.utf8.count <= 1000 })
      #expect(contents.joined() == text(600..<1000))
      #expect(harness.output(of: "a", "stderr") == "err\n")
    }

    @Test func withoutOlderFilesOnlyTheNewestIsThere() async throws {
      let harness = try Harness()
      _ = try await run(harness, request(harness, Self.lines(250), older: 0))
      #expect(try files(harness) == ["stderr", "stdout"])
      #expect(harness.output(of: "a") == text(200..<250))
    }

    @Test func whatProcessesLeftBehindStillWriteIsKept() async throws {
      let harness = try Harness()
      let script = "(sleep 0.2; \(Self.lines(50))) & sleep 0.3; \(Self.lines(60))"
      _ = try await run(harness, request(harness, script, bytes: 100_000))
      #expect(harness.output(of: "a") == text(0..<50) + text(0..<60))
    }

    @Test func linksAndFoldersInTheWayLeadNowhere() async throws {
      let outside = "\(try Harness.makeDirectory())/file"
      try "precious".write(toFile: outside, atomically: true, encoding: .utf8)
      let harness = try Harness()
      let script = """
        ln -s \(outside) stdout.1; mkdir stdout.2; touch stdout.2/full; \(Self.lines(500))
        rm -rf stdout*; ln -s \(outside) stdout; \(Self.lines(500))
        rm stdout; ln \(outside) stdout; \(Self.lines(500))
        rm stdout; mkdir stdout; \(Self.lines(500)); exit 5
        """
      #expect(try await run(harness, request(harness, script)).waitStatus == 5 << 8)
      #expect(read(outside) == "precious")
    }

    @Test func aFolderInTheWayDoesNotLetTheFileGrow() async throws {
      let harness = try Harness()
      let script = "mkdir stdout.1; touch stdout.1/full; \(Self.lines(550))"
      _ = try await run(harness, request(harness, script, older: 1))
      #expect(harness.output(of: "a").utf8.count <= 1000)
      #expect(harness.output(of: "a").hasSuffix(text(540..<550)))
    }

    @Test(.enabled(if: system("command -v prlimit > /dev/null") == 0, "needs prlimit of util-linux"))
    func whatCannotBeWrittenIsDroppedAndNobodyWaitsForIt() async throws {
      let harness = try Harness()
      let request = try request(harness, "read -r _ < gate; \(Self.lines(20000)); exit 6", bytes: 1 << 20)
      let gate = try harness.addGate(to: request)
      let launched = try await harness.launch(request).get()
      // As if the disk were full.
      try #require(system("prlimit --fsize=500 --pid \(launched.supervisorPID)") == 0)
      pass(gate)
      #expect(try await harness.exit(of: "a").waitStatus == 6 << 8)
      #expect(harness.output(of: "a") == text(0..<50))
    }

    @Test func theBoundHoldsWhileTheAgentIsAway() async throws {
      let first = try Harness()
      let request = try request(first, "read -r _ < gate; \(Self.lines(1000)); read -r _ < gate; exit 7")
      let gate = try first.addGate(to: request)
      let launched = try await first.launch(request).get()
      first.containment.stop()
      pass(gate)
      try await eventually("all is written") { first.output(of: "a").hasSuffix("000000999\n") ? true : nil }
      let second = try Harness(directory: first.directory)
      #expect(await second.recover(request) == launched)
      pass(gate)
      #expect(try await second.exit(of: "a").waitStatus == 7 << 8)
      #expect(try files(second) == ["gate", "stderr", "stdout", "stdout.1", "stdout.2", "stdout.3"])
    }

    @Test func visitorsWriteIntoTheSameFiles() async throws {
      let harness = try Harness()
      _ = try await harness.launch(request(harness, "echo first >&2; exec sleep 600")).get()
      try await eventually("the host wrote") { harness.output(of: "a", "stderr") == "first\n" ? true : nil }
      #expect(try await harness.visit("v", of: "a", "\(Self.lines(100)) >&2; echo out").waitStatus == 0)
      #expect(harness.output(of: "a", "stderr.1") == "first\n" + text(0..<99) + "0000")
      #expect(harness.output(of: "a", "stderr") == "00099\nout\n")
      #expect(try files(harness) == ["stderr", "stderr.1", "stdout"])
      harness.containment.destroy("a")
      _ = try await harness.exit(of: "a")
    }

    @Test(.enabled(if: isRoot && othersMayPassThroughRoot, "switching the user needs root, and a / open to all"))
    func aUserMayOpenItsOutputByName() async throws {
      let harness = try Harness()
      let exit = try await run(harness, request(harness, "echo x > /dev/stdout; echo y > /dev/stderr", user: "65534"))
      #expect(exit.waitStatus == 0)
      #expect(harness.output(of: "a") == "x\n" && harness.output(of: "a", "stderr") == "y\n")
    }

    @Test(.enabled(if: isRoot, "namespaces need root"))
    func outputOfANamespaceOfPidsIsBoundedToo() async throws {
      let harness = try Harness([PlannedIsolator("a", [.namespaces(.pid)])])
      let exit = try await run(harness, request(harness, "\(Self.lines(1000)); exit 8"))
      #expect(exit.waitStatus == 8 << 8)
      #expect(harness.output(of: "a", "stdout.3").hasPrefix(text(600..<610)))
    }
  }
}
