import Glibc
import Testing

extension ContainmentTests {
  /// What needs a kernel that enforces limits, in a guest where this host's does not.
  @Suite struct GuestTests {
    /// One boot for all of them.
    @Test(
      .enabled(if: Enforcement.root == nil, "this kernel enforces limits itself: LimitTests and PodLimitTests run here")
    )
    func limitsHoldInAGuestKernel() throws {
      let output = try run(
        "'\(Harness.ownProgram)' --testing-library swift-testing --filter '^ContainmentTests.*(LimitTests|PodTests|supervisorIsSafe)'"
      )
      #expect(output.contains("Suite LimitTests passed"), "\(output)")
      #expect(output.contains("Suite PodLimitTests passed"), "\(output)")
      #expect(!output.contains("skipped"), "\(output)")
    }

    /// What a host may not allow whose / is not a mount, such as that of continuous integration.
    @Test(
      .enabled(if: Enforcement.root == nil, "there is no guest where this kernel enforces limits itself")
    )
    func mountsAndNamespacesHoldInAGuestKernel() throws {
      let suites = ["PlacesTests", "NamespaceTests", "VisitorTests", "Isolation", "AuthorIsolators"]
      let filter = "^(ContainmentTests|ClusterTests).*(\(suites.joined(separator: "|"))|statusIsTrueHoweverLate)"
      // User-Mode Linux has no user namespaces.
      let output = try run(
        "'\(Harness.ownProgram)' --testing-library swift-testing --filter '\(filter)' --skip UserNamespace")
      for suite in suites { #expect(output.contains("Suite \(suite) passed"), "\(output)") }
      #expect(!output.contains("skipped"), "\(output)")
    }

    @Test func clusterEnforcesLimitsReportsThemAndLosesNoTask() throws {
      let output = try run("'\(Self.folder)/cluster' '\(Harness.products)'")
      #expect(output.contains("a task over its memory limit is reported with the reason, the limit and the peak\n"))
      #expect(output.contains("a task outlives its agent, and its exit status is kept\n"))
      #expect(output.contains("no container is left, though the agent was killed 12 times\n"))
    }

    @Test(.enabled(if: Enforcement.root == nil, "mounts file systems, which is for a guest only"))
    func agentFindsItsPlaceInTheTreeOrSaysWhyNot() throws {
      let output = try run("'\(Self.folder)/delegation' '\(Harness.products)'")
      for line in [
        "an agent in a delegated group leaves it to its containers", "an agent that is started in its leaf stays there",
        "an agent that is alone in a container has its groups there",
        "an agent that shares its group is told with whom", "a read-only mount is told",
        "a machine without cgroup v2 is told",
      ] { #expect(output.contains("\(line)\n")) }
    }

    @Test(.enabled(if: Enforcement.root == nil, "mounts a small file system for sandboxes, which is for a guest only"))
    func everyTaskComesToOneTrueEndUnderLimitsAndOnAFullDisk() throws {
      let output = try run("'\(Harness.ownProgram)' --testing-library swift-testing --filter '^ClusterTests.*Chaos'")
      #expect(output.contains("Suite Chaos passed"), "\(output)")
      #expect(output.contains(" fillsItsDisk") && output.contains(" kernelRefuses"), "\(output)")
    }

    @Test func mainJobOfTheQuickstartIsHeldByCgroups() throws {
      let output = try run("'\(Self.folder)/walkthrough' '\(Harness.products)'")
      #expect(output.contains("<3 CPU, 3072 MB> (cgroup: cpu.max holds it to 3.0 CPU, memory.max to 3072 MB)"))
      #expect(output.contains("What it held is offered again"))
    }

    private static let folder = #filePath.replacing("ContainmentTests/GuestTests.swift", with: "guest")

    /// Runs a command where limits are enforced; its output is what it says on both streams.
    private func run(_ command: String) throws -> String {
      let pipe = try #require(popen("GUEST_TIMEOUT=900 '\(Self.folder)/run' \(command) 2>&1", "r"))
      var bytes: [UInt8] = []
      var chunk = [UInt8](repeating: 0, count: 4096)
      while case let count = fread(&chunk, 1, chunk.count, pipe), count > 0 { bytes += chunk[..<count] }
      let output = String(decoding: bytes, as: UTF8.self)
      let status = pclose(pipe)
      // The script's word for a prerequisite that is missing.
      if status == 77 << 8 { try Test.cancel("\(output)") }
      #expect(status == 0, "\(output)")
      return output
    }
  }
}
