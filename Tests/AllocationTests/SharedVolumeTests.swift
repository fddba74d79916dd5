import Allocation
import CTepui
import Resources
import Testing

@Suite struct SharedVolumeTests {
  let ledger = AllocationLedger()

  private var volume: Resource {
    Resource(
      "disk", .scalar(Quantity(100)), reservations: [Reservation(.static, role: "a")],
      disk: Disk(persistence: .init(id: "v"), volume: .init(containerPath: "d")), isShared: true)
  }

  /// Of the disk that role a and framework F0 hold, as the view tells it, and what counts against a quota of the role.
  private func held() -> [Int64] {
    var rows: [Int64] = []
    _ = ledger.runCycle(
      ScriptedPolicy { view, _ in
        let claimant = view.activeList[0]
        let role = view.pointee.claimant_role[Int(claimant)]
        rows = [
          view.row(view.pointee.claimant_allocated, claimant)[2], view.row(view.pointee.role_allocated, role)[2],
          view.row(view.pointee.role_allocated, 0)[2],
        ]
        return .done
      }, at: 1, deadline: 2)
    return rows + [(ledger.consumedQuota(ofRole: "a").first { $0.name == "disk" }?.amount ?? .zero).thousandths]
  }

  @Test func aVolumeCountsOnceForWhoeverHoldsCopies() throws {
    let agent = ledger.addAgent("S0", total: [.scalar("cpus", 4), volume])
    let traits = FrameworkTraits(takesShared: true)
    let first = ledger.addFramework("F0", roles: ["a"], traits: traits)
    let second = ledger.addFramework("F1", roles: ["a"], traits: traits)
    #expect(held() == [0, 0, 0, 100_000])
    let copy = Resources(volume).allocated(to: "a")
    for framework in [first, first, second] { ledger.allocate(copy, agent: agent, framework: framework) }
    #expect(held() == [100_000, 100_000, 100_000, 100_000])
    ledger.recover(copy, agent: agent, framework: first)
    #expect(held() == [100_000, 100_000, 100_000, 100_000])
    ledger.recover(copy, agent: agent, framework: first)
    #expect(held() == [0, 100_000, 100_000, 100_000])
    #expect(ledger.free(on: agent).contains(Resources(volume)), "it is there for others all the time")
    ledger.recover(copy, agent: agent, framework: second)
    #expect(held() == [0, 0, 0, 100_000])
    ledger.recover(copy, agent: agent, framework: second)
    #expect(held() == [0, 0, 0, 100_000], "what nobody holds cannot come back")
  }
}
