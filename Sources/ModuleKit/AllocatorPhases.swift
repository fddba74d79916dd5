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
  /// - Parameters:
  ///   - wanted: phases whose seconds are wanted. Each begins where the one before it ended, but for the last of all; so
  ///     what comes before is played as well, and what comes after is not.
  ///   - expectsAll: whether each cycle must grant all that is free, else it fails.
  public static func best(
    of runs: Int, _ scene: AllocatorScene, _ wanted: Set<Phase> = Set(Phase.allCases), expectsAll: Bool = true,
    _ load: () throws -> any AllocationPolicy
  ) throws -> AllocatorPhases {
    var best = AllocatorPhases()
    for _ in 0..<runs {
      let run = try AllocatorPhases(scene, wanted, expectsAll: expectsAll, load)
      best.seconds.merge(run.seconds, uniquingKeysWith: min)
      best.grantedAgents = run.grantedAgents
    }
    return best
  }

  private init() {}

  private init(
    _ scene: AllocatorScene, _ wanted: Set<Phase>, expectsAll: Bool, _ load: () throws -> any AllocationPolicy
  ) throws {
    if let last = Phase.allCases.last(where: { $0 != .joining && wanted.contains($0) }) {
      try play(AllocatorCluster(scene, try load()), through: last, expectsAll: expectsAll)
    }
    guard wanted.contains(.joining) else { return }
    let late = try AllocatorCluster(scene, try load(), hasFrameworks: false)
    try take(.joining) {
      for number in 0..<scene.frameworks {
        late.addFramework(number)
        try late.cycle()
      }
    }
  }

  private mutating func play(_ cluster: AllocatorCluster, through last: Phase, expectsAll: Bool) throws {
    let agents = cluster.scene.agents
    var most = 0
    func cycle(_ count: Int) throws {
      if expectsAll { try cluster.expectCycle(count) } else { most = max(most, try cluster.grantedAgents()) }
    }
    for phase in Phase.allCases {
      switch phase {
      case .first:
        try take(.first) { try cycle(agents) }
        grantedAgents = expectsAll ? agents : most
      case .nothing:
        try take(.nothing) {
          cluster.ledger.reconsider()
          try cycle(0)
        }
      case .few:
        cluster.takeBack(agents: agents / 100)
        try take(.few) { try cycle(agents / 100) }
      case .decline: take(.decline) { cluster.takeBack(refusingForSeconds: 5) }
      case .reoffer: try take(.reoffer) { try cycle(agents) }
      case .expiry:
        cluster.takeBack(refusingForSeconds: 5)
        cluster.pass(seconds: 6)
        try take(.expiry) { try cycle(agents) }
      case .joining: break
      }
      if phase == last { return }
    }
  }

  private mutating func take(_ phase: Phase, _ body: () throws -> Void) rethrows {
    seconds[phase] = try cpuSeconds(body)
  }
}
