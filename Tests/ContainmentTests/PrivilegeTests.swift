import Containment
import Glibc
import ModuleHost
import Testing

extension ContainmentTests {
  @Suite(.enabled(if: isRoot, "privileges need root")) struct PrivilegeTests {
    private static let netRaw: UInt64 = 1 << 13
    private static let kill: UInt64 = 1 << 5

    private func status(
      _ entries: [PlanEntry], user: String? = nil, fields: String = "CapEff\\|CapBnd\\|CapAmb\\|NoNewPrivs"
    ) async throws -> [String: String] {
      let harness = try Harness([PlannedIsolator("a", entries)])
      let exit = try await harness.run("c", "grep '\(fields)' /proc/self/status", user: user)
      #expect(exit.waitStatus == 0)
      let lines = harness.output(of: "c").split(separator: "\n").map { $0.split(separator: ":\t").map(String.init) }
      return Dictionary(lines.map { ($0[0], $0[1]) }) { first, _ in first }
    }

    private func capabilities(_ bounding: UInt64, root: UInt64, others: UInt64) -> PlanEntry {
      .capabilities(.init(bounding: bounding, ofRoot: root, ofOthers: others))
    }

    private func text(_ set: UInt64) -> String {
      let digits = String(set, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }

    @Test func rootHasWhatTheBoundingSetLeaves() async throws {
      let both = Self.netRaw | Self.kill
      let status = try await status([capabilities(both, root: both, others: 0)])
      #expect(status["CapEff"] == text(both) && status["CapBnd"] == text(both) && status["CapAmb"] == text(0))
    }

    @Test func rootMayHaveLessThanItsProgramsCanGain() async throws {
      let both = Self.netRaw | Self.kill
      let status = try await status([capabilities(both, root: Self.kill, others: 0)])
      #expect(status["CapEff"] == text(Self.kill) && status["CapBnd"] == text(both))
    }

    @Test(.enabled(if: othersMayPassThroughRoot, "only root may pass through / here"))
    func othersHaveWhatIsTheirs() async throws {
      let both = Self.netRaw | Self.kill
      let some = try await status([capabilities(both, root: both, others: Self.netRaw)], user: "65534")
      #expect(some["CapEff"] == text(Self.netRaw) && some["CapAmb"] == text(Self.netRaw))
      let none = try await status([capabilities(both, root: both, others: 0)], user: "65534")
      #expect(none["CapEff"] == text(0) && none["CapBnd"] == text(both))
    }

    /// CAP_DAC_OVERRIDE.
    private static let anyFile: UInt64 = 1 << 1

    @Test(arguments: [anyFile, kill]) func capabilitiesCountForTheDirectoryAndTheProgram(held: UInt64) async throws {
      let harness = try Harness([PlannedIsolator("a", [capabilities(held, root: held, others: 0)])])
      var request = try harness.request("c", program: "./program", ["program"])
      let sandbox = request.description.sandbox
      request.command.workingDirectory = "\(sandbox)/closed"
      try #require(system("mkdir '\(sandbox)/closed' && cp /bin/true '\(sandbox)/closed/program'") == 0)
      try #require(chmod("\(sandbox)/closed", 0) == 0)
      switch await harness.launch(request) {
      case .success:
        #expect(held == Self.anyFile)
        #expect(try await harness.exit(of: "c").waitStatus == 0)
      case .failure(let failure):
        #expect(held != Self.anyFile && failure.step == .workingDirectory, "\(failure)")
      }
    }

    @Test func noNewPrivilegesHolds() async throws {
      #expect(try await status([.noNewPrivileges])["NoNewPrivs"] == "1")
      #expect(try await status([])["NoNewPrivs"] == "0")
    }

    /// One instruction of struct sock_filter.
    private func instruction(_ code: UInt16, _ jumpTrue: UInt8, _ jumpFalse: UInt8, _ value: UInt32) -> [UInt8] {
      withUnsafeBytes(of: code) { Array($0) } + [jumpTrue, jumpFalse] + withUnsafeBytes(of: value) { Array($0) }
    }

    #if arch(x86_64)
      private static let umask: UInt32 = 95
    #else
      private static let umask: UInt32 = 166
    #endif

    /// Answers umask(2) with ERANGE and allows all else.
    private var filter: [UInt8] {
      instruction(0x20, 0, 0, 0) + instruction(0x15, 0, 1, Self.umask) + instruction(0x06, 0, 0, 0x0005_0022)
        + instruction(0x06, 0, 0, 0x7fff_0000)
    }

    @Test(arguments: [nil, "65534"]) func filterHoldsForTheCommand(user: String?) async throws {
      // Not all machines let others in.
      if user != nil, !othersMayPassThroughRoot { return }
      for extra in [[], [PlanEntry.noNewPrivileges]] {
        let status = try await status(
          [.seccomp(filter: filter, flags: 0)] + extra, user: user, fields: "Seccomp:\\|NoNewPrivs\\|CapEff")
        #expect(status["Seccomp"] == "2")
        #expect(status["NoNewPrivs"] == (extra.isEmpty ? "0" : "1"))
        if user != nil { #expect(status["CapEff"] == text(0)) }
      }
    }

    @Test func filterThatTheKernelRefusesIsTold() async throws {
      // It never ends with a return.
      let harness = try Harness([PlannedIsolator("a", [.seccomp(filter: instruction(0x20, 0, 0, 0), flags: 0)])])
      guard case .failure(let failure) = await harness.launch(try harness.request("c", "exit 0")) else {
        Issue.record("the launch succeeded")
        return
      }
      #expect(failure.step == .seccomp && failure.message == "cannot install the filter: Invalid argument")
    }
  }
}
