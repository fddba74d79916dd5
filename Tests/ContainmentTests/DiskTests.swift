import Containment
import Foundation
import ModuleHost
import Testing

extension ContainmentTests {
  /// Disk that sandboxes take; needs no cgroups.
  @Suite struct DiskTests {
    private final class SandboxDisk: Isolator {
      let id = "disk"
      private let limit: Int64?
      private let isEnforced: Bool

      init(limit: Int64?, isEnforced: Bool) {
        self.limit = limit
        self.isEnforced = isEnforced
      }

      func plan(_ container: ContainerDescription, running: Bool) throws(IsolatorFailure) -> [PlanEntry] {
        [.disk(.init(path: container.sandbox, limitBytes: limit, isEnforced: isEnforced, intervalNs: 20_000_000))]
      }
      func usage(_ container: ContainerDescription, cgroup: any CgroupReading) throws(IsolatorFailure)
        -> [String: Double]
      { [:] }
      func perform(_ step: LifecycleStep, _ container: ContainerDescription) throws(IsolatorFailure) {}
    }

    private static let filling = "dd if=/dev/zero of=filler bs=64k count=64 2>/dev/null; echo full; exec sleep 600"

    @Test func sandboxOverItsQuotaEndsTheContainer() async throws {
      let harness = try Harness([SandboxDisk(limit: 1 << 20, isEnforced: true)])
      _ = try await harness.launch(harness.request("a", Self.filling)).get()
      let limitation = try #require(try await harness.exit(of: "a").limitation)
      #expect(limitation.kind == .disk)
      #expect(limitation.resource == .init(name: "disk", value: 1000))
      #expect(limitation.message.hasPrefix("Disk usage ("))
      #expect(limitation.message.contains(") exceeds quota (1MB) ("))
    }

    @Test func quotaThatIsNotEnforcedIsMeasuredOnly() async throws {
      let harness = try Harness([SandboxDisk(limit: 1 << 20, isEnforced: false)])
      _ = try await harness.launch(harness.request("a", Self.filling)).get()
      _ = try await harness.lines(of: "a", 1)
      var usage: [String: Double] = [:]
      while usage["disk_used_bytes"] ?? 0 < 4e6 { usage = await harness.usage("a") }
      #expect(usage["disk_limit_bytes"] == Double(1 << 20))
      harness.containment.destroy("a")
      #expect(try await harness.exit(of: "a").limitation == nil)
    }

    /// Links of both kinds, holes, a deep tree, and a name that is no UTF-8.
    @Test func useIsCountedAsDuDoes() async throws {
      let harness = try Harness([SandboxDisk(limit: nil, isEnforced: true)])
      let script = """
        dd if=/dev/zero of=big bs=64k count=16 2>/dev/null; ln big hard; ln -s / soft; ln -s . loop
        dd if=/dev/zero of=hole bs=1 count=1 seek=10000000 2>/dev/null
        mkdir "$(printf 'odd\\377name')"; cp big "$(printf 'odd\\377name')/copy"
        i=0; while [ $i -lt 300 ]; do mkdir deep; cd deep; i=$((i + 1)); done; echo x > bottom
        du -s --block-size=1 "$MESOS_SANDBOX_OF_TEST" | cut -f1; exec sleep 600
        """
      var request = try harness.request("a", script)
      request.command.environment["MESOS_SANDBOX_OF_TEST"] = request.description.sandbox
      _ = try await harness.launch(request).get()
      let told = try #require(Double(try await harness.lines(of: "a", 1)[0]))
      // What du says is a block more once it is written down itself.
      var used = 0.0
      while used < told { used = await harness.usage("a")["disk_used_bytes"] ?? 0 }
      #expect(used - told <= 8192)
      harness.containment.destroy("a")
      _ = try await harness.exit(of: "a")
    }
  }
}
