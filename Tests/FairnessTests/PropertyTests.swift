import ModuleKit
import Resources
import Testing

/// What must hold of every policy on every workload. A failure names its seed.
@Suite struct PropertyTests {
  private static let seeds: [UInt64] = Array(0..<120)

  /// Nothing that fits somebody who wants it is left free.
  @Test(arguments: Policies.all, [false, true])
  func nothingUsefulIsLeftFree(module: String, reserves: Bool) throws {
    for seed in Self.seeds {
      let market = try Scene(seed: seed, reserves: reserves).market(module)
      try market.settle()
      for worker in market.workers where !worker.isSatisfied {
        for agent in market.agents {
          let free = market.free(on: agent.id, for: worker.role)
          let fits = worker.fits { free.total(of: $0).thousandths }
          #expect(!fits, "seed \(seed): \(worker.name) has \(worker.running.count), a\(agent.id) still has \(free)")
        }
      }
    }
  }

  /// The same while tasks end and others take their place.
  @Test(arguments: Policies.all)
  func workGoesOnWhenTasksEnd(module: String) throws {
    for seed in Self.seeds {
      let market = try Scene(seed: seed, reserves: true).market(module)
      var random = SeededGenerator(seed)
      for _ in 0..<20 {
        try market.settle()
        for _ in 0..<3 {
          if let worker = market.workers.randomElement(using: &random) { market.endTask(of: worker) }
        }
      }
      try market.settle()
      for worker in market.workers where !worker.isSatisfied {
        for agent in market.agents {
          let free = market.free(on: agent.id, for: worker.role)
          #expect(!worker.fits { free.total(of: $0).thousandths }, "seed \(seed): \(worker.name) on a\(agent.id)")
        }
      }
    }
  }

  /// What is reserved is only ever with the role that it is reserved for, and those below it; and it is used.
  @Test(arguments: Policies.all)
  func reservationsGoToTheirRole(module: String) throws {
    var used = 0
    for seed in Self.seeds {
      let market = try Scene(seed: seed, reserves: true).market(module)
      market.inspect = { cycle in
        for grant in cycle.grants {
          for resource in grant.resources where !resource.isUsable(by: grant.role) {
            Issue.record("seed \(seed): \(grant.role) was granted \(resource)")
          }
        }
      }
      try market.settle()
      used += market.workers.reduce(0) { $0 + $1.running.count { !$0.resources.reserved.isEmpty } }
    }
    #expect(used > 0)
  }

  /// In one cycle, and without asking everybody: somebody gets what is free for all, others what is reserved for them.
  @Test(arguments: Policies.all)
  func theReservedRestIsGrantedInTheSameCycle(module: String) throws {
    let market = try Market(module)
    for _ in 0..<10 {
      try market.addAgent("cpus:4;mem:4096;cpus(prod):2;mem(prod):1024;cpus(nobody):1")
      try market.addAgent("cpus(prod/web):2;mem(prod/web):1024")
    }
    for number in 0..<50 { market.add(Worker("f\(number)", task: ["cpus": 1])) }
    market.add(Worker("prod", role: "prod", task: ["cpus": 1]))
    market.add(Worker("web", role: "prod/web", task: ["cpus": 1]))
    var seen: [(granted: Quantity, refused: Int)] = []
    market.inspect = { cycle in
      seen.append((cycle.grants.reduce(.zero) { $0 + $1.resources.total(of: "cpus") }, cycle.refusedCount))
    }
    _ = try market.step()
    #expect(seen.map(\.granted) == [Quantity(80)])
    #expect(seen.map(\.refused) == [0])
  }

  /// As deep as a role can be.
  @Test(arguments: Policies.all)
  func deepRolesGetTheirShare(module: String) throws {
    let deep = String(repeating: "a/", count: Role.longestNameBytes / 2 - 1) + "b"
    try Role.validate(deep)
    let market = try Market(module)
    try market.addAgent("cpus:4;mem:4096")
    market.add(Worker("deep", role: deep, task: ["cpus": 1], wanted: 2))
    market.add(Worker("flat", task: ["cpus": 1], wanted: 2))
    try market.settle()
    #expect(market.tasks == ["deep": 2, "flat": 2])
  }

  @Test(arguments: Policies.all)
  func theSameSeedGivesTheSameGrants(module: String) throws {
    for seed in Self.seeds.prefix(40) {
      let histories = try (0..<2).map { _ in
        let market = try Scene(seed: seed, reserves: true).market(module)
        try market.settle()
        return market.history
      }
      #expect(histories[0] == histories[1], "seed \(seed)")
    }
  }

  /// Frameworks with tasks that fill an agent get on beside those with tiny ones, while tasks keep ending.
  @Test func bigAndSmallFrameworksMakeProgress() throws {
    let market = try Market("drf")
    for _ in 0..<8 { try market.addAgent("cpus:8;mem:8192") }
    let big = (0..<3).map { Worker("big\($0)", task: ["cpus": 8, "mem": 8192], wanted: 2) }
    let small = (0..<20).map { Worker("small\($0)", task: ["cpus": 0.5, "mem": 64], wanted: 4, perOffer: 2) }
    for worker in big + small { market.add(worker) }
    var finished: [String: Int] = [:]
    var random = SeededGenerator(1)
    for _ in 0..<60 {
      try market.settle()
      for worker in market.workers {
        for _ in worker.running.indices where random.chance(50) {
          market.endTask(of: worker)
          finished[worker.name, default: 0] += 1
        }
      }
    }
    for worker in big + small { #expect(finished[worker.name, default: 0] >= 5, "\(worker.name): \(finished)") }
  }
}
