import Allocation
import Resources

/// A random cluster with workers: small and big agents, roles that are nested, tasks of all shapes.
public struct Scene {
  public var seed: UInt64
  public var agents: [String] = []
  public var weights: [String: Int64] = [:]
  public var workers: [(name: String, role: String, task: [String: Double], wanted: Int, perOffer: Int)] = []

  public static let roles = ["a", "b", "c", "a/x", "a/y", "b/z", "a/x/p"]

  /// - Parameter reserves: whether some agents have resources that are reserved for a role.
  public init(seed: UInt64, reserves: Bool = false) {
    self.seed = seed
    var random = SeededGenerator(seed)
    for _ in 0..<random.number(2...12) {
      var agent = "cpus:\(random.number(1...16));mem:\(random.number(1...16) * 256);disk:\(random.number(1...8) * 100)"
      if reserves && random.chance(50) {
        let role = Self.roles.randomElement(using: &random) ?? "a"
        agent += ";cpus(\(role)):\(random.number(1...8));mem(\(role)):\(random.number(1...8) * 256)"
      }
      // Nothing but a reservation.
      if reserves && random.chance(20) { agent = "cpus(a):\(random.number(1...8));mem(a):1024" }
      agents.append(agent)
    }
    for number in 0..<random.number(2...10) {
      let task = ["cpus": Double(random.number(1...8)) / 2, "mem": Double(random.number(1...8) * 64)]
      workers.append(
        (
          "f\(number)", Self.roles.randomElement(using: &random) ?? "a", task,
          random.chance(40) ? random.number(1...8) : .max, random.number(1...4)
        ))
    }
    for role in Self.roles where random.chance(30) { weights[role] = Int64(random.number(500...5000)) }
  }

  /// A market on it, in which nothing has happened yet.
  public func market(_ policy: any AllocationPolicy) throws(ResourceError) -> Market {
    var options = Market.options
    options.seed = seed
    let market = Market(policy, options: options)
    for agent in agents { try market.addAgent(agent) }
    for (role, weight) in weights { market.ledger.setWeight(weight, ofRole: role) }
    for worker in workers {
      market.add(
        Worker(
          worker.name, role: worker.role, task: worker.task, wanted: worker.wanted, perOffer: worker.perOffer))
    }
    return market
  }
}
