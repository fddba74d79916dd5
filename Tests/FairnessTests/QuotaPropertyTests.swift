import Allocation
import ModuleKit
import Resources
import Testing

/// Quotas are the host's, but every policy has to live with them: grants that are cut, roles that get nothing more.
@Suite struct QuotaPropertyTests {
  private static let limit = ["cpus": Quantity(7.5), "mem": Quantity(2048)]

  /// Limits hold after every grant, and what a role may not have goes to the others.
  @Test(arguments: Policies.all)
  func noRoleIsEverOverItsLimit(module: String) throws {
    for seed in 0..<60 as Range<UInt64> {
      let market = try Scene(seed: seed).market(module)
      for role in ["a", "b"] { market.ledger.setQuota(RoleQuota(limits: Self.limit), ofRole: role) }
      market.inspect = { _ in
        for role in ["a", "b"] {
          for (kind, amount) in market.ledger.consumedQuota(ofRole: role) {
            #expect(
              amount <= Self.limit[kind] ?? .zero || Self.limit[kind] == nil,
              "seed \(seed): \(role) has \(amount) \(kind)")
          }
        }
      }
      try market.settle()
      for worker in market.workers where worker.role == "c" && !worker.isSatisfied {
        for agent in market.agents {
          let free = market.free(on: agent.id, for: worker.role)
          #expect(!worker.fits { free.total(of: $0).thousandths }, "seed \(seed): \(worker.name) on a\(agent.id)")
        }
      }
    }
  }

  /// A guarantee that the cluster can meet is met, whoever else asks for everything.
  @Test(arguments: Policies.all)
  func guaranteesAreMet(module: String) throws {
    let parameters = module == "strict-priority" ? ["priorities": "others=100"] : [:]
    for guarantee in [1, 3, 8, 16] as [Double] {
      let market = try Market(module, parameters)
      for _ in 0..<4 { try market.addAgent("cpus:4;mem:4096") }
      for number in 0..<5 { market.add(Worker("f\(number)", role: "others", task: ["cpus": 1, "mem": 1024])) }
      market.ledger.setQuota(RoleQuota(guarantees: ["cpus": Quantity(guarantee)]), ofRole: "safe")
      // It comes when the others have taken what they may.
      try market.settle()
      market.add(Worker("late", role: "safe", task: ["cpus": 1, "mem": 1024]))
      try market.settle()
      #expect(market.tasks(of: "late") >= Int(guarantee), "\(guarantee): \(market.tasks)")
    }
  }
}
