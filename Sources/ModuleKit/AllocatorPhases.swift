import Allocation

/// What befalls a cluster in a run of the benchmark, and the seconds of processor time that each takes.
public struct AllocatorPhases {
  public enum Phase: String, CaseIterable, Sendable {
    /// Everything is free and goes to somebody.
    case first = "first cycle"
    /// Everything is looked at again, and there is nothing to give.
    case nothing = "nothing free"
    /// One agent of a hundred is given back and granted again.
    case few = "1 % of the agents changed"
    /// All offers are declined, each with a filter of 5 s: taking back, and the cycle in which each agent goes to another.
    case decline = "all declined: taking back with filters"
    case reoffer = "all declined: offering to others"
    /// The filters end, and everything is free.
    case expiry = "all filters ended, all offered"
    /// All frameworks come one after the other to agents that are there already, and a cycle follows each.
    case joining = "frameworks joining, a cycle for each"
  }

  public private(set) var seconds: [Phase: Double] = [:]
  /// Agents that were granted in the first cycle.
  public private(set) var grantedAgents = 0

  public subscript(phase: Phase) -> Double { seconds[phase] ?? .nan }

  /// The least of several runs: what else the machine does only ever adds.
  ///
  /// - Parameter expectsAll: whether each cycle must grant all that is free, else it fails.
  public static func best(
    of runs: Int, _ scene: AllocatorScene, expectsAll: Bool = true, _ load: () throws -> any AllocationPolicy
  ) throws -> AllocatorPhases {
    var best = AllocatorPhases()
    for _ in 0..<runs {
      let run = try AllocatorPhases(scene, expectsAll: expectsAll, load)
      best.seconds.merge(run.seconds, uniquingKeysWith: min)
      best.grantedAgents = run.grantedAgents
    }
    return best
  }

  private init() {}

  private init(_ scene: AllocatorScene, expectsAll: Bool, _ load: () throws -> any AllocationPolicy) throws {
    let cluster = try AllocatorCluster(scene, try load())
    let agents = scene.agents
    var most = 0
    func cycle(_ count: Int) throws {
      if expectsAll { try cluster.expectCycle(count) } else { most = max(most, try cluster.grantedAgents()) }
    }
    try take(.first) { try cycle(agents) }
    grantedAgents = expectsAll ? agents : most
    try take(.nothing) {
      cluster.ledger.reconsider()
      try cycle(0)
    }
    cluster.takeBack(agents: agents / 100)
    try take(.few) { try cycle(agents / 100) }
    take(.decline) { cluster.takeBack(refusingForSeconds: 5) }
    try take(.reoffer) { try cycle(agents) }
    cluster.takeBack(refusingForSeconds: 5)
    cluster.pass(seconds: 6)
    try take(.expiry) { try cycle(agents) }
    let late = try AllocatorCluster(scene, try load(), hasFrameworks: false)
    try take(.joining) {
      for number in 0..<scene.frameworks {
        late.addFramework(number)
        try late.cycle()
      }
    }
  }

  private mutating func take(_ phase: Phase, _ body: () throws -> Void) rethrows {
    seconds[phase] = try cpuSeconds(body)
  }
}
