import Allocation
import CTepui
import Resources
import Testing

private let second: Int64 = 1_000_000_000

@Suite struct AllocationLedgerTests {
  let ledger = AllocationLedger()
  let greedy = ScriptedPolicy.greedy()
  let small: Resources = [
    .scalar("cpus", 4), .scalar("mem", 4096), Resource("ports", .ranges(Ranges([31000...32000]))),
  ]

  private func run(_ policy: ScriptedPolicy? = nil, at seconds: Int64 = 1) -> AllocationCycle {
    ledger.runCycle(policy ?? greedy, at: seconds * second, deadline: seconds * second + 1)
  }

  @Test func aFreeAgentGoesToWhoWantsIt() {
    let agent = ledger.addAgent("S0", total: small)
    let framework = ledger.addFramework("F0", roles: ["a"])
    let cycle = run()
    #expect(cycle.grants.map(\.agent) == [agent])
    #expect(cycle.grants.first?.framework == framework)
    #expect(cycle.grants.first?.resources == small.allocated(to: "a"))
    #expect(ledger.free(on: agent).isEmpty)
  }

  @Test func nobodyIsAskedWhenNobodyWantsAnything() {
    _ = ledger.addAgent("S0", total: small)
    let framework = ledger.addFramework("F0", roles: ["a"], suppressed: ["a"])
    #expect(run().grants.isEmpty)
    ledger.setActive(false, framework: framework)
    ledger.revive(framework: framework)
    #expect(run().grants.isEmpty)
    #expect(greedy.cycles == 0)
    ledger.setActive(true, framework: framework)
    #expect(run().grants.count == 1)
  }

  @Test func aCycleLooksOnlyAtWhatChanged() {
    let agents = (0..<10).map { ledger.addAgent("S\($0)", total: small) }
    let framework = ledger.addFramework("F0", roles: ["a"])
    #expect(run().grants.count == 10)
    #expect(!ledger.wantsCycle(at: second))
    ledger.recover([.scalar("cpus", 1)], agent: agents[3], framework: framework)
    #expect(!ledger.wantsCycle(at: second), "what says no role was never held")
    var seen: [UInt32] = []
    ledger.recover(Resources([.scalar("cpus", 1)]).allocated(to: "a"), agent: agents[3], framework: framework)
    _ = run(
      ScriptedPolicy { view, _ in
        seen = view.candidateList
        return .done
      })
    #expect(seen == [agents[3]])
  }

  @Test func aCycleOfSoManyAtMostLeavesTheOthersToTheNext() {
    let agents = (0..<10).map { ledger.addAgent("S\($0)", total: small) }
    _ = ledger.addFramework("F0", roles: ["a"])
    var granted: [[UInt32]] = []
    while ledger.wantsCycle(at: second), granted.count < 10 {
      let cycle = ledger.runCycle(greedy, at: second, deadline: second + 1, candidatesAtMost: 4)
      granted.append(cycle.grants.map(\.agent))
    }
    #expect(granted.map(\.count) == [4, 4, 2])
    #expect(Set(granted.joined()) == Set(agents))
  }

  @Test func theColumnsShowAGrantAtOnce() {
    let agent = ledger.addAgent("S0", total: small)
    _ = ledger.addFramework("F0", roles: ["eng/batch"])
    var rows: [[Int64]] = []
    var names: [String] = []
    let cycle = run(
      ScriptedPolicy { view, granter in
        let claimant = view.activeList[0]
        let role = view.pointee.claimant_role[Int(claimant)]
        let above = view.pointee.role_parent[Int(role)]
        granter.grant(agent, claimant, [1000, 1_024_000])
        rows = [
          view.row(view.pointee.agent_free, agent), view.row(view.pointee.claimant_allocated, claimant),
          view.row(view.pointee.role_allocated, role), view.row(view.pointee.role_allocated, above),
          view.row(view.pointee.role_allocated, 0), view.row(view.pointee.cluster_total, 0),
        ]
        names = [
          view.name(TEPUI_NAME_AGENT, agent), view.name(TEPUI_NAME_ROLE, role), view.name(TEPUI_NAME_ROLE, above),
          view.name(TEPUI_NAME_KIND, 1),
          view.name(TEPUI_NAME_FRAMEWORK, view.pointee.claimant_framework[Int(claimant)]),
          view.name(TEPUI_NAME_AGENT, 99), view.name(77, 0),
        ]
        return .done
      })
    #expect(rows == [[3000, 3_072_000]] + Array(repeating: [1000, 1_024_000], count: 4) + [[4000, 4_096_000]])
    #expect(names == ["S0", "eng/batch", "eng", "mem", "F0", "", ""])
    #expect(cycle.grants.first?.resources.ranges(of: "ports") == Ranges([31000...32000]))
  }

  @Test func resourcesThatAreNoNumbersGoWithTheFirstGrant() {
    let agent = ledger.addAgent("S0", total: small)
    _ = ledger.addFramework("F0", roles: ["a"])
    _ = ledger.addFramework("F1", roles: ["a"])
    let cycle = run(
      ScriptedPolicy { view, granter in
        for claimant in view.activeList { granter.grant(agent, claimant, [1000, 0]) }
        return .done
      })
    #expect(cycle.grants.map { !$0.resources.ranges(of: "ports").isEmpty } == [true, false])
  }

  @Test func severalGrantsOfAPairAreOneOffer() {
    let agent = ledger.addAgent("S0", total: small)
    _ = ledger.addFramework("F0", roles: ["a"])
    let cycle = run(
      ScriptedPolicy { view, granter in
        granter.grant(agent, view.activeList[0], [1000, 0])
        granter.grant(agent, view.activeList[0], [1000, 0])
        return .done
      })
    #expect(cycle.grants.count == 1)
    #expect(cycle.grants.first?.resources.total(of: "cpus") == Quantity(2))
  }

  @Test func reservedResourcesGoToTheirRoleOnly() {
    let reserved = Resource("cpus", .scalar(Quantity(2)), reservations: [Reservation(.static, role: "eng")])
    let agent = ledger.addAgent("S0", total: small + [reserved])
    _ = ledger.addFramework("other", roles: ["ops"])
    let eng = ledger.addFramework("below", roles: ["eng/batch"])
    let cycle = run(
      ScriptedPolicy { view, granter in
        #expect(view.row(view.pointee.agent_free, agent)[0] == 4000)
        for claimant in view.activeList { granter.grant(agent, claimant, [1000, 0]) }
        return .done
      })
    #expect(cycle.grants.map { $0.resources.reserved(for: "eng").total(of: "cpus") } == [.zero, Quantity(2)])
    #expect(cycle.grants.last?.framework == eng)
  }

  @Test func whatIsReservedForARoleWithoutFrameworksIsNotLookedAt() throws {
    _ = ledger.addAgent("x", total: try Resources(parsing: "cpus(later):4;mem(later):4096"))
    _ = ledger.addFramework("f", roles: ["now"])
    let policy = ScriptedPolicy.greedy()
    _ = run(policy)
    #expect(policy.cycles == 0)
    _ = ledger.addFramework("g", roles: ["later/below"])
    #expect(run(policy).grants.map(\.role) == ["later/below"])
  }

  @Test func aRefusedAgentIsHiddenUntilItOffersMoreOrTimePasses() {
    let agent = ledger.addAgent("S0", total: small)
    let framework = ledger.addFramework("F0", roles: ["a"])
    let all = small.allocated(to: "a")
    let half = Resources([.scalar("cpus", 2), .scalar("mem", 2048)]).allocated(to: "a")
    _ = run()
    ledger.recover(half, agent: agent, framework: framework)
    ledger.refuse(half, agent: agent, framework: framework, until: 10 * second)
    #expect(run().grants.isEmpty)
    #expect(run(at: 9).grants.isEmpty)
    ledger.recover(all - half, agent: agent, framework: framework)
    #expect(run(at: 9).grants.count == 1, "more than was refused breaks through")
    ledger.recover(all, agent: agent, framework: framework)
    ledger.refuse(all, agent: agent, framework: framework, until: 20 * second)
    #expect(run(at: 19).grants.isEmpty)
    #expect(ledger.nextFilterEnd == 10 * second || ledger.nextFilterEnd == 20 * second)
    #expect(run(at: 20).grants.count == 1)
  }

  @Test func aFilterConcernsOneFrameworkOnly() {
    let agent = ledger.addAgent("S0", total: small)
    let first = ledger.addFramework("F0", roles: ["a"])
    let second = ledger.addFramework("F1", roles: ["a"])
    let cycle = run()
    #expect(cycle.grants.first?.framework == first)
    ledger.recover(small.allocated(to: "a"), agent: agent, framework: first)
    ledger.refuse(small.allocated(to: "a"), agent: agent, framework: first, until: 100_000_000_000)
    #expect(run().grants.first?.framework == second)
  }

  @Test func reviveAndAChangeOfTheAgentEndFilters() {
    let agent = ledger.addAgent("S0", total: small)
    let framework = ledger.addFramework("F0", roles: ["a"])
    func refuse() {
      ledger.recover(small.allocated(to: "a"), agent: agent, framework: framework)
      ledger.refuse(small.allocated(to: "a"), agent: agent, framework: framework, until: 100 * second)
    }
    _ = run()
    refuse()
    #expect(run().grants.isEmpty)
    ledger.revive(framework: framework)
    #expect(run().grants.count == 1)
    refuse()
    ledger.setTotal(small, of: agent)
    #expect(run().grants.count == 1)
  }

  @Test func agentsWithGPUsAreForThoseWhoAskForThem() {
    let agent = ledger.addAgent("S0", total: small + [.scalar("gpus", 2)])
    _ = ledger.addFramework("plain", roles: ["a"])
    #expect(run().grants.isEmpty)
    let learned = ledger.addFramework("gpu", roles: ["a"], traits: FrameworkTraits(takesGPUs: true))
    #expect(run().grants.map(\.framework) == [learned])
    ledger.recover(
      (small + [.scalar("gpus", 2)]).allocated(to: "a"), agent: agent, framework: learned)
    ledger.setTotal(small, of: agent)
    #expect(run().grants.count == 1)
  }

  @Test func agentsOfOtherRegionsAreForThoseWhoAskForThem() {
    let agent = ledger.addAgent("S0", total: small)
    ledger.setRemote(true, agent: agent)
    let plain = ledger.addFramework("plain", roles: ["a"])
    #expect(run().grants.isEmpty)
    let aware = ledger.addFramework("aware", roles: ["a"], traits: FrameworkTraits(takesRemote: true))
    #expect(run().grants.map(\.framework) == [aware])
    ledger.recover(small.allocated(to: "a"), agent: agent, framework: aware)
    ledger.suppress(framework: aware)
    #expect(run().grants.isEmpty)
    ledger.setRemote(false, agent: agent)
    #expect(run().grants.map(\.framework) == [plain])
    ledger.recover(small.allocated(to: "a"), agent: agent, framework: plain)
    ledger.setRemote(true, agent: agent)
    ledger.removeAgent(agent)
    #expect(ledger.addAgent("S1", total: small) == agent)
    #expect(run().grants.map(\.framework) == [plain], "a new agent inherits nothing from the one with its id before")
  }

  @Test func crumbsAreNotOffered() {
    let agent = ledger.addAgent("S0", total: [.scalar("cpus", 1), .scalar("mem", 64)])
    _ = ledger.addFramework("F0", roles: ["a"])
    var status: [tepui_status] = []
    let cycle = run(
      ScriptedPolicy { view, granter in
        status = [
          granter.grant(agent, view.activeList[0], [5, 31_000]), granter.grant(agent, view.activeList[0], [10, 0]),
        ]
        return .done
      })
    #expect(status == [TEPUI_REFUSED, TEPUI_OK])
    #expect(cycle.refusedCount == 1)
    #expect(cycle.invalidCount == 0)
  }

  @Test func idsAreUsedAgainAndMeanTheNewThing() {
    let old = ledger.addAgent("old", total: small)
    let framework = ledger.addFramework("F0", roles: ["a"])
    _ = run()
    ledger.recover(small.allocated(to: "a"), agent: old, framework: framework)
    ledger.refuse(small.allocated(to: "a"), agent: old, framework: framework, until: 100 * second)
    ledger.removeAgent(old)
    let new = ledger.addAgent("new", total: small)
    #expect(new == old)
    #expect(run().grants.count == 1)
    ledger.removeFramework(framework)
    ledger.recover(small.allocated(to: "a"), agent: new, framework: framework)
    #expect(ledger.addFramework("F1", roles: ["b"]) == framework)
  }

  @Test func anAgentThatComesBackSmallerHasNothingFree() {
    let agent = ledger.addAgent("S0", total: small)
    _ = ledger.addFramework("F0", roles: ["a"])
    _ = run()
    ledger.setTotal([.scalar("cpus", 1)], of: agent)
    #expect(ledger.free(on: agent).isEmpty)
    #expect(run().grants.isEmpty)
  }

  @Test func manyAgentsAndFrameworksCostWhatChanges() {
    let agents = (0..<2000).map { ledger.addAgent("S\($0)", total: small) }
    let frameworks = (0..<200).map { ledger.addFramework("F\($0)", roles: ["r\($0 % 20)"]) }
    let cycle = run()
    #expect(cycle.grants.count == agents.count)
    var candidates = 0
    for grant in cycle.grants.prefix(5) {
      ledger.recover(grant.resources, agent: grant.agent, framework: grant.framework)
    }
    _ = run(
      ScriptedPolicy { view, _ in
        candidates = view.candidateList.count
        return .done
      })
    #expect(candidates == 5)
    #expect(frameworks.count == 200)
  }
}
