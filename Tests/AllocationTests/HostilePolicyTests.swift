import Allocation
import CTepui
import Resources
import Testing

/// Nothing that a policy asks for can bring the books out of line.
@Suite struct HostilePolicyTests {
  let ledger = AllocationLedger()
  let total: Resources = [.scalar("cpus", 4), .scalar("mem", 4096)]

  private func status(
    _ ask: @escaping (ScriptedPolicy.View, Granter) -> tepui_status
  ) -> (tepui_status, AllocationCycle) {
    _ = ledger.addAgent("S0", total: total)
    _ = ledger.addFramework("F0", roles: ["a"])
    var status: tepui_status = -1
    let cycle = ledger.runCycle(
      ScriptedPolicy { view, granter in
        status = ask(view, granter)
        return .done
      }, at: 1, deadline: 2)
    return (status, cycle)
  }

  @Test(
    arguments: [
      [4001, 0], [-1, 0], [0, Int64.max], [Int64.min, 0], [1000, 4_096_001], [Int64.max, Int64.max],
    ] as [[Int64]])
  func impossibleAmountsAreRefused(amounts: [Int64]) {
    let (status, cycle) = status { view, granter in granter.grant(0, view.activeList[0], amounts) }
    #expect(status == TEPUI_INVALID)
    #expect(cycle.grants.isEmpty)
    #expect(cycle.invalidCount == 1)
    #expect(ledger.free(on: 0) == total)
  }

  @Test(arguments: [(7, 0), (0, 7), (UInt32.max, 0), (0, UInt32.max), (UInt32.max, UInt32.max)] as [(UInt32, UInt32)])
  func unknownIdsAreRefused(agent: UInt32, claimant: UInt32) {
    let (status, cycle) = status { _, granter in granter.grant(agent, claimant) }
    #expect(status == TEPUI_INVALID)
    #expect(cycle.complaints.count == 1)
  }

  @Test func aComplaintNamesWhoWhatAndHowMuch() {
    let (_, cycle) = status { view, granter in granter.grant(0, view.activeList[0], [5000, 1000]) }
    #expect(
      cycle.complaints == [
        "org.test.scripted granted agent S0 to framework F0 in role a: more cpus than is free "
          + "(asked cpus 5, mem 1; free cpus 4, mem 4096)"
      ])
  }

  @Test func theSameResourcesAreNotGrantedTwice() {
    let (status, cycle) = status { view, granter in
      #expect(granter.grant(0, view.activeList[0], [4000, 0]) == TEPUI_OK)
      return granter.grant(0, view.activeList[0], [1, 0])
    }
    #expect(status == TEPUI_INVALID)
    #expect(cycle.grants.count == 1)
  }

  @Test func aBlockedAgentIsRefused() {
    let agent = ledger.addAgent("gpu", total: total + [.scalar("gpus", 1)])
    let (status, cycle) = status { view, granter in
      #expect(tepui_may_offer(view, view.activeList[0], agent) == 0)
      return granter.grant(agent, view.activeList[0])
    }
    _ = cycle
    #expect(status == TEPUI_INVALID || agent != 0)
    #expect(cycle.grants.isEmpty)
  }

  @Test func anInactiveClaimantIsRefused() {
    let inactive = ledger.addFramework("sleeper", roles: ["b"], suppressed: ["b"])
    _ = inactive
    let (status, _) = status { view, granter in
      let sleeper = (0..<view.pointee.claimants).first { !view.activeList.contains($0) } ?? 99
      return granter.grant(0, sleeper)
    }
    #expect(status == TEPUI_INVALID)
  }

  @Test func aFloodOfBadGrantsIsCountedNotLogged() {
    let (_, cycle) = status { view, granter in
      for _ in 0..<10_000 { granter.grant(0, 999) }
      return TEPUI_OK
    }
    #expect(cycle.invalidCount == 10_000)
    #expect(cycle.complaints.count == 8)
  }

  @Test func grantsBeforeAFailureStand() {
    _ = ledger.addAgent("S0", total: total)
    _ = ledger.addFramework("F0", roles: ["a"])
    let cycle = ledger.runCycle(
      ScriptedPolicy { view, granter in
        granter.grant(0, view.activeList[0], [1000, 0])
        return .failed("out of ideas")
      }, at: 1, deadline: 2)
    #expect(cycle.grants.count == 1)
    #expect(cycle.failure == "out of ideas")
  }

  @Test func aSinkThatWasKeptIsShut() {
    var kept: UnsafePointer<tepui_grant_sink>?
    var copy = tepui_grant_sink()
    let (_, _) = status { _, granter in
      copy = granter.sink.pointee
      return TEPUI_OK
    }
    withUnsafePointer(to: copy) { sink in
      kept = sink
      #expect(sink.pointee.grant(sink.pointee.context, 0, 0, nil) == TEPUI_INVALID)
    }
    #expect(kept != nil)
    #expect(ledger.free(on: 0) == total)
  }
}
