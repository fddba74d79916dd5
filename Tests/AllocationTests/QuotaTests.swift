import Allocation
import CTepui
import Resources
import Testing

/// Quotas are the host's: the policy here grants everything to whoever comes first.
@Suite struct QuotaTests {
  let ledger = AllocationLedger()
  let policy = ScriptedPolicy { view, granter in
    for agent in view.candidateList {
      for claimant in view.activeList where tepui_may_offer(view, claimant, agent) != 0 {
        granter.grant(agent, claimant)
      }
    }
    return .done
  }

  private func agent(_ name: String, _ resources: String) throws -> UInt32 {
    ledger.addAgent(name, total: try Resources(parsing: resources))
  }

  private func cpus(_ amount: Double) -> RoleQuota { RoleQuota(guarantees: ["cpus": Quantity(amount)]) }

  private func limit(_ amounts: [String: Double]) -> RoleQuota {
    RoleQuota(limits: amounts.mapValues { Quantity($0) })
  }

  /// Runs a cycle in which all is looked at.
  private func cycle() -> [Grant] {
    ledger.reconsider()
    return ledger.runCycle(policy, at: 0, deadline: 1).grants
  }

  private func granted(_ grants: [Grant], _ role: String, _ kind: String = "cpus") -> Quantity {
    grants.filter { $0.role == role }.reduce(.zero) { $0 + $1.resources.total(of: kind) }
  }

  @Test func aRoleIsNeverGrantedMoreThanItsLimit() throws {
    _ = try agent("x", "cpus:4;mem:4000")
    _ = try agent("y", "cpus:4;mem:4000")
    _ = ledger.addFramework("a", roles: ["a"])
    ledger.setQuota(limit(["cpus": 5, "mem": 10_000]), ofRole: "a")
    let grants = cycle()
    #expect(granted(grants, "a") == Quantity(5))
    #expect(granted(grants, "a", "mem") == Quantity(8000))
    // Nothing changes until the limit does.
    #expect(granted(cycle(), "a") == .zero)
    ledger.setQuota(RoleQuota(), ofRole: "a")
    #expect(granted(cycle(), "a") == Quantity(3))
  }

  @Test func aLimitCountsTheRolesBelow() throws {
    _ = try agent("x", "cpus:8;mem:8000")
    _ = ledger.addFramework("1", roles: ["a/x"])
    _ = ledger.addFramework("2", roles: ["a/y"])
    ledger.setQuota(limit(["cpus": 3]), ofRole: "a")
    let grants = cycle()
    #expect(granted(grants, "a/x") + granted(grants, "a/y") == Quantity(3))
  }

  @Test func reservationsUseUpTheLimitOnceWhetherHeldOrNot() throws {
    _ = try agent("x", "cpus(a):3;mem(a):100;cpus:5;mem:1000")
    let framework = ledger.addFramework("1", roles: ["a"])
    ledger.setQuota(limit(["cpus": 4]), ofRole: "a")
    #expect(ledger.consumedQuota(ofRole: "a").first?.amount == Quantity(3))
    let grants = cycle()
    #expect(granted(grants, "a") == Quantity(4))
    #expect(ledger.consumedQuota(ofRole: "a").first?.amount == Quantity(4))
    for grant in grants { ledger.recover(grant.resources, agent: grant.agent, framework: framework) }
    #expect(ledger.consumedQuota(ofRole: "a").first?.amount == Quantity(3))
  }

  @Test func aGuaranteeIsMetBeforeOthersGetAnything() throws {
    _ = try agent("x", "cpus:8;mem:8000")
    // The scripted policy prefers the first.
    _ = ledger.addFramework("greedy", roles: ["b"])
    _ = ledger.addFramework("promised", roles: ["a"])
    ledger.setQuota(cpus(3), ofRole: "a")
    let grants = cycle()
    #expect(granted(grants, "a") == Quantity(3))
    #expect(granted(grants, "b") == Quantity(5))
  }

  @Test func whoHasWhatWasPromisedTakesNothingMoreBeforeTheOthers() throws {
    for name in ["x", "y", "z"] { _ = try agent(name, "cpus:4;mem:4000") }
    _ = ledger.addFramework("greedy", roles: ["b"])
    _ = ledger.addFramework("promised", roles: ["a"])
    ledger.setQuota(cpus(4), ofRole: "a")
    let grants = cycle()
    #expect(granted(grants, "a") == Quantity(4))
    #expect(granted(grants, "a", "mem") == Quantity(4000))
    #expect(granted(grants, "b", "mem") == Quantity(8000))
  }

  @Test func thePolicyIsNotAskedForThoseWhoMayHaveNothing() throws {
    _ = try agent("x", "cpus:4;mem:4000")
    _ = ledger.addFramework("full", roles: ["a"])
    ledger.setQuota(limit(["cpus": 0, "mem": 0]), ofRole: "a")
    #expect(cycle().isEmpty)
    #expect(policy.cycles == 0)
  }

  @Test func headroomIsHeldForARoleThatHasNoFrameworkYet() throws {
    let one = try agent("x", "cpus:4;mem:4000")
    _ = try agent("y", "cpus:4;mem:4000")
    let greedy = ledger.addFramework("greedy", roles: ["b"])
    ledger.setQuota(cpus(6), ofRole: "a")
    #expect(granted(cycle(), "b") == Quantity(2))
    _ = ledger.addFramework("promised", roles: ["a"])
    let grants = cycle()
    #expect(granted(grants, "a") == Quantity(6))
    #expect(granted(grants, "b") == .zero)
    // What others hold is no headroom: it is never taken from them.
    #expect(ledger.allocated(on: one).total(of: "cpus") == Quantity(4))
    _ = greedy
  }

  @Test func aGuaranteeBeyondTheClusterStarvesNobodyForEver() throws {
    _ = try agent("x", "cpus:4;mem:4000")
    _ = ledger.addFramework("b", roles: ["b"])
    ledger.setQuota(cpus(100), ofRole: "a")
    #expect(granted(cycle(), "b") == .zero)
    ledger.setQuota(cpus(1), ofRole: "a")
    #expect(granted(cycle(), "b") == Quantity(3))
  }

  @Test func hugeQuotasDoNotTrap() throws {
    _ = try agent("x", "cpus:4;mem:4000")
    _ = ledger.addFramework("b", roles: ["b"])
    let huge = Quantity(thousandths: .max)
    for role in ["a", "b", "c"] {
      ledger.setQuota(RoleQuota(guarantees: ["cpus": huge], limits: ["cpus": huge, "unheard": .zero]), ofRole: role)
    }
    #expect(granted(cycle(), "b") == Quantity(4))
    for role in ["a", "b", "c"] { ledger.setQuota(RoleQuota(), ofRole: role) }
    #expect(cycle().isEmpty)
  }
}
