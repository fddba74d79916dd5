import ModuleKit
import Testing

/// drf against a plain reference, on thousands of random clusters of one agent, where nothing is lost to fragments: the
/// same number of tasks for everybody.
@Suite struct ProgressiveFillingTests {
  enum Shape: CaseIterable {
    case flat, weighted, hierarchical
  }

  @Test(arguments: Shape.allCases, 0..<4)
  func sharesAreThoseOfProgressiveFilling(shape: Shape, batch: Int) throws {
    for seed in batch * 250..<(batch + 1) * 250 {
      var random = SeededGenerator(UInt64(seed))
      var (market, reference) = try cluster(shape, &random)
      try market.settle()
      #expect(market.workers.map(\.running.count) == reference.run(), "seed \(seed), \(shape)")
    }
  }

  private func cluster(_ shape: Shape, _ random: inout SeededGenerator) throws -> (Market, ProgressiveFilling) {
    var options = Market.options
    options.reservesGPUAgents = false
    let market = Market(try Policies.load("drf"), options: options)
    let kinds = ["cpus", "mem", "disk", "gpus"].prefix(random.number(1...4))
    try market.addAgent(kinds.map { "\($0):\(random.number(20...100))" }.joined(separator: ";"))
    var weights: [String: Int64] = [:]
    for number in 0..<random.number(2...7) {
      let role: String
      switch shape {
      case .flat, .weighted: role = "r\(number)"
      case .hierarchical: role = ["a", "b", "a/x", "a/y", "b/z", "a/x/p", "a/x/q"].randomElement(using: &random) ?? "a"
      }
      let task = kinds.map { ($0, Double(random.number(1...9))) }
      market.add(
        Worker(
          "f\(number)", role: role, task: Dictionary(uniqueKeysWithValues: task),
          wanted: random.chance(30) ? random.number(1...5) : .max))
      if shape != .flat { weights[role] = Int64(random.number(1...4000)) }
    }
    for (role, weight) in weights { market.ledger.setWeight(weight, ofRole: role) }
    let capacity = Dictionary(uniqueKeysWithValues: kinds.map { ($0, market.total(of: $0)) })
    return (market, ProgressiveFilling(capacity: capacity, weights: weights, workers: market.workers))
  }
}
