import ModuleKit
import Resources
import Testing

/// What each policy promises, on random workloads.
@Suite struct PolicyPropertyTests {
  /// Sharing incentive (DRF paper, section 3): among n frameworks each gets 1/n of the resource that it needs most, up to
  /// a task and what is lost to fragments; here there are none, since there is one agent.
  @Test func everybodyGetsItsShare() throws {
    for seed in 0..<300 as Range<UInt64> {
      var random = SeededGenerator(seed)
      let market = try Market("drf", seed: seed)
      try market.addAgent("cpus:\(random.number(100...200));mem:\(random.number(100...200))")
      let count = random.number(2...8)
      for number in 0..<count {
        let task = ["cpus": Double(random.number(1...5)), "mem": Double(random.number(1...5))]
        market.add(Worker("f\(number)", task: task))
      }
      try market.settle()
      let granularity = market.workers.map { market.share(ofTaskOf: $0) }.max() ?? 0
      for worker in market.workers {
        let share = market.share(of: [worker])
        #expect(share >= 1 / Double(count) - granularity, "seed \(seed): \(worker.name) has \(share) of 1/\(count)")
      }
    }
  }

  /// Roles with weights: each gets its part of all weights, up to a task; weights count among siblings only.
  @Test func everyRoleGetsItsWeight() throws {
    for seed in 0..<60 as Range<UInt64> {
      var random = SeededGenerator(seed)
      let market = try Market("drf", seed: seed)
      try market.addAgent("cpus:200;mem:200")
      var weights: [String: Int64] = [:]
      for role in ["a", "b", "c"] { weights[role] = Int64(random.number(500...4000)) }
      for (role, weight) in weights { market.ledger.setWeight(weight, ofRole: role) }
      market.ledger.setWeight(1_000_000, ofRole: "a/x")
      for role in ["a/x", "a/y", "b", "b", "c"] {
        market.add(Worker("f\(market.workers.count)", role: role, task: ["cpus": 1, "mem": 1]))
      }
      try market.settle()
      let sum = Double(weights.values.reduce(0, +))
      for (role, weight) in weights {
        let share = market.share(of: market.workers.filter { $0.role.hasPrefix(role) })
        #expect(abs(share - Double(weight) / sum) <= 3 * 0.005, "seed \(seed): \(role) has \(share), \(weights)")
      }
    }
  }

  /// Parts: a big agent is shared at once among those who are behind, and all of it is offered.
  @Test(arguments: [1: [40], 4: [10, 10, 10, 10], 3: [13.334, 13.333, 13.333]])
  func anAgentIsOfferedInParts(parts: Int, expected: [Double]) throws {
    let market = try Market("drf", ["parts": "\(parts)"])
    try market.addAgent("cpus:40;mem:4096;ports:[1-100]")
    for number in 0..<8 { market.add(Worker("f\(number)", task: ["cpus": 100])) }
    var offers: [[Double]] = []
    market.inspect = { cycle in offers.append(cycle.grants.map { $0.resources.total(of: "cpus").units }) }
    _ = try market.step()
    #expect(offers == [expected])
  }

  /// Who is alone gets all parts as one offer.
  @Test func partsForOneAreOneOffer() throws {
    let market = try Market("drf", ["parts": "7"])
    try market.addAgent("cpus:40;mem:4096")
    market.add(Worker("f", task: ["cpus": 40], wanted: 1))
    try market.settle()
    #expect(market.tasks == ["f": 1])
    #expect(market.history.count == 1, "\(market.history)")
  }

  /// Nobody is granted anything that somebody of higher priority may have and would take.
  @Test func higherPrioritiesComeFirst() throws {
    let priorities = ["a": 5, "a/x": 7, "b": 6, "b/z": -1]
    for seed in 0..<200 as Range<UInt64> {
      let market = try Scene(seed: seed).market("strict-priority", ["priorities": "a=5,a/x=7,b=6,b/z=-1"])
      func priority(_ role: String) -> Int {
        var path = role.split(separator: "/")
        while !path.isEmpty {
          if let found = priorities[path.joined(separator: "/")] { return found }
          path.removeLast()
        }
        return 0
      }
      try market.settle()
      // In history a worker first appears after all of higher priority were offered the agent or were satisfied.
      for agent in market.agents {
        let offered = market.history.filter { $0.contains(" a\(agent.id) ") }.map { $0.prefix { $0 != " " } }
        let order = offered.compactMap { name in market.workers.first { $0.name == name } }.map { priority($0.role) }
        #expect(order == order.sorted(by: >), "seed \(seed): a\(agent.id) was offered in the order \(order)")
      }
    }
  }

  /// Hardly more agents than somebody needs who knows all tasks beforehand and packs the biggest first.
  @Test func binpackUsesFewAgents() throws {
    for seed in 0..<200 as Range<UInt64> {
      var random = SeededGenerator(seed)
      let market = try Market("binpack", seed: seed)
      for _ in 0..<20 { try market.addAgent("cpus:8;mem:8192") }
      var needs: [Double] = []
      for number in 0..<random.number(1...8) {
        let (cpus, wanted) = (Double(random.number(1...4)), random.number(1...6))
        needs += Array(repeating: cpus, count: wanted)
        market.add(Worker("f\(number)", task: ["cpus": cpus, "mem": 512], wanted: wanted, perOffer: .max))
      }
      try market.settle()
      #expect(market.workers.allSatisfy(\.isSatisfied) || needs.reduce(0, +) > 100, "seed \(seed)")
      let used = Set(market.workers.flatMap { $0.running.map(\.agent) }).count
      let least = firstFitDecreasing(needs, into: 8)
      #expect(used <= least + max(1, least / 5), "seed \(seed): \(used) agents for \(needs), not \(least)")
    }
  }

  /// Who finds no room on the agents in use gets another, also while there are always others who do.
  @Test func binpackKeepsNobodyWaiting() throws {
    let market = try Market("binpack")
    for _ in 0..<10 { try market.addAgent("cpus:8;mem:8192") }
    for number in 0..<20 { market.add(Worker("small\(number)", task: ["cpus": 0.5, "mem": 512], wanted: 3)) }
    try market.settle()
    #expect(Set(market.workers.flatMap { $0.running.map(\.agent) }).count == 4)
    let big = Worker("big", task: ["cpus": 8, "mem": 4096], wanted: 5)
    market.add(big)
    for round in 0..<200 where !big.isSatisfied {
      _ = try market.step()
      market.ledger.reconsider()
      // Others have room and use it all the time.
      market.endTask(of: market.workers[round % 20])
    }
    #expect(big.isSatisfied)
  }

  private func firstFitDecreasing(_ needs: [Double], into size: Double) -> Int {
    var bins: [Double] = []
    for need in needs.sorted(by: >) {
      if let bin = bins.firstIndex(where: { $0 + need <= size }) { bins[bin] += need } else { bins.append(need) }
    }
    return bins.count
  }
}
