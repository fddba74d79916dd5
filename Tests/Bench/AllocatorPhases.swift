import ModuleHost

/// What befalls a cluster in a run of the benchmark, and the seconds of processor time that each takes.
struct AllocatorPhases {
  enum Phase: String, CaseIterable {
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

  private(set) var seconds: [Phase: Double] = [:]

  subscript(phase: Phase) -> Double { seconds[phase] ?? .nan }

  /// The least of several runs: what else the machine does only ever adds.
  static func best(of runs: Int, _ scene: AllocatorScene, _ load: () throws -> LoadedAllocator) throws
    -> AllocatorPhases
  {
    var best = AllocatorPhases()
    for _ in 0..<runs {
      let run = try AllocatorPhases(scene, load)
      best.seconds.merge(run.seconds, uniquingKeysWith: min)
    }
    return best
  }

  private init() {}

  private init(_ scene: AllocatorScene, _ load: () throws -> LoadedAllocator) throws {
    let cluster = try AllocatorCluster(scene, try load())
    let agents = scene.agents
    try take(.first) { try cluster.expectCycle(agents) }
    try take(.nothing) {
      cluster.ledger.reconsider()
      try cluster.expectCycle(0)
    }
    cluster.takeBack(agents: agents / 100)
    try take(.few) { try cluster.expectCycle(agents / 100) }
    take(.decline) { cluster.takeBack(refusingForSeconds: 5) }
    try take(.reoffer) { try cluster.expectCycle(agents) }
    cluster.takeBack(refusingForSeconds: 5)
    cluster.pass(seconds: 6)
    try take(.expiry) { try cluster.expectCycle(agents) }
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
