import MasterCore
import Resources
import Testing
import Wire

/// Whole clusters of the real cores in virtual time: masters, agents and connections die at any moment, and afterwards
/// everything must have come to an end that is true. A failure names the seed, which plays it again.
@Suite struct ChaosTests {
  @Test(arguments: UInt64(1)...40)
  func everyTaskComesToOneTrueEndWhateverDies(seed: UInt64) {
    let cluster = SimulatedCluster(seed: seed)
    cluster.live(minutes: 10, faultsPerMinute: 12)
    cluster.windDown()
    #expect(cluster.problems() == [], "seed \(seed)")
  }

  /// Checkpoints keep the loss of tasks out of it, which has its own rules.
  @Test(arguments: UInt64(1)...20)
  func whatWasReservedIsGivenBackWhateverDies(seed: UInt64) {
    let cluster = SimulatedCluster(seed: seed, isReserving: true)
    cluster.live(minutes: 10, faultsPerMinute: 12)
    cluster.windDown()
    #expect(cluster.problems() == [], "seed \(seed)")
    #expect(cluster.frameworks.contains { !$0.operations.ends.isEmpty })
  }

  @Test func aQuietClusterFinishesWhatItLaunches() {
    let cluster = SimulatedCluster(seed: 4711)
    cluster.live(minutes: 5, faultsPerMinute: 0)
    cluster.windDown()
    #expect(cluster.problems() == [])
    let tasks = cluster.frameworks.flatMap { $0.tasks.values }
    #expect(tasks.count > 100)
    #expect(tasks.contains { $0.state == .taskFinished } && tasks.contains { $0.state == .taskKilled })
    #expect(tasks.contains { $0.state == .taskKilled && $0.isUnhealthy })
    #expect(!tasks.contains { [.taskLost, .taskDropped, .taskGone].contains($0.state) })
  }

  @Test func theSameSeedPlaysTheSame() {
    let runs = (0..<2).map { _ in
      let cluster = SimulatedCluster(seed: 99)
      cluster.live(minutes: 3, faultsPerMinute: 20)
      return cluster.world
    }
    let difference = zip(runs[0].journal, runs[1].journal).first { $0 != $1 }
    #expect(runs[0].fingerprint == runs[1].fingerprint, "first difference: \(String(describing: difference))")
  }
}

/// A master, agents of different sizes and frameworks, and what may befall them.
final class SimulatedCluster {
  let world: World
  let master: MasterNode
  let agents: [AgentNode]
  let frameworks: [FrameworkNode]
  private var overcommits: Set<String> = []

  init(seed: UInt64, isReserving: Bool = false) {
    world = World(seed: seed)
    master = MasterNode(world) { life in
      var configuration = MasterConfiguration(id: "master-\(life)")
      configuration.allocation.seed = seed
      return configuration
    }
    let world = world
    let master = master
    agents = (1...4).map { number in
      AgentNode(
        world, master, hostname: "node\(number)",
        totals: [("cpus", Double(number)), ("mem", Double(128 * number)), ("disk", 100)])
    }
    frameworks = (1...3).map { number in
      FrameworkNode(
        world, master, name: "f\(number)", role: number == 1 ? "a" : "b", checkpoint: isReserving || number != 3,
        isReserving: isReserving)
    }
  }

  func live(minutes: Int64, faultsPerMinute: Int64) {
    let end = world.now + minutes * 60 * World.second
    while world.now < end {
      let wait = faultsPerMinute == 0 ? World.second : world.between(0, 120 * World.second / faultsPerMinute)
      let until = min(end, world.now + wait)
      while world.now < until {
        world.run(until: min(until, world.now + World.second / 4))
        check()
      }
      if faultsPerMinute > 0 { fault() }
    }
  }

  private func fault() {
    let agent = agents[Int(world.between(0, Int64(agents.count - 1)))]
    switch world.between(0, 9) {
    case 0: restartMaster()
    case 1, 2: restart(agent)
    case 3: agent.crashesInNextTurn = true
    case 4, 5: agent.disconnect()
    default: frameworks[Int(world.between(0, Int64(frameworks.count - 1)))].disconnect()
    }
    for agent in agents where !agent.isUp { restart(agent) }
  }

  private func restart(_ agent: AgentNode) {
    agent.crash()
    // Now and then long enough to be given up as unreachable.
    let seconds = world.happens(10) ? 700 : world.between(0, 30)
    world.after(seconds * World.second) { agent.start() }
  }

  private func restartMaster() {
    guard master.core != nil else { return }
    master.crash()
    world.after(world.between(0, 20) * World.second) { [master] in master.start() }
  }

  /// Faults end, frameworks launch nothing more, and everything gets the time to end.
  func windDown() {
    for framework in frameworks { framework.isWindingDown = true }
    world.run(seconds: 60)
    for agent in agents { agent.start() }
    for _ in 0..<40 {
      world.run(seconds: 60)
      check()
    }
  }

  /// What holds at every moment.
  private func check() {
    for agent in agents {
      for kind in ["cpus", "mem"] where agent.used(kind) > agent.total(kind) {
        overcommits.insert("\(agent.hostname) runs \(agent.used(kind)) of \(agent.total(kind)) thousandths of \(kind)")
      }
    }
  }

  /// What is wrong after the end; empty when all is well.
  func problems() -> [String] {
    var problems = overcommits.sorted() + frameworks.flatMap(\.violations)
    for framework in frameworks {
      for (id, task) in framework.tasks.sorted(by: { $0.key < $1.key }) {
        if let problem = problem(of: task, of: framework) {
          problems.append("\(framework.name)/\(id) \(problem):\n\(world.lastWords(about: "\(framework.name)/\(id) "))")
        }
      }
    }
    for agent in agents where !agent.isIdle { problems.append("\(agent.hostname) still holds tasks or their records") }
    guard let snapshot = master.core?.snapshot() else { return problems + ["no master at the end"] }
    for agent in agents {
      let seen = snapshot.agents.first { $0.info.hostname == agent.hostname }?.total ?? Resources()
      if seen != agent.plainTotal { problems.append("the master takes \(agent.hostname) for \(seen) in the end") }
      if agent.total != agent.plainTotal {
        problems.append("\(agent.hostname) has \(agent.total ?? Resources()) in the end")
      }
    }
    for agent in snapshot.agents where !(agent.allocated - agent.offered).isEmpty {
      problems.append("the master counts \(agent.allocated - agent.offered) as used on \(agent.info.hostname)")
    }
    for framework in snapshot.frameworks where !framework.tasks.isEmpty {
      problems.append("the master still has tasks \(framework.tasks.map(\.id)) of \(framework.info.name)")
    }
    if snapshot.agents.count != agents.count { problems.append("\(snapshot.agents.count) agents are registered") }
    return Array(problems.prefix(10))
  }

  private func problem(of task: FrameworkNode.Task, of framework: FrameworkNode) -> String? {
    switch task.end {
    case .finished: task.exitCode == 0 ? nil : "is FINISHED, but exited with \(task.exitCode)"
    case .failed: task.exitCode != 0 || task.reason != nil ? nil : "is FAILED without a reason, but exited with 0"
    // The master itself ends what it had called lost; a framework without checkpoints may have been away at that moment.
    case .killed:
      task.isKilled || task.isUnhealthy || task.wasLost || !framework.info.checkpoint
        ? nil : "is KILLED, but nobody asked for it"
    case .refused: "is ERROR"
    case .lost: nil
    // Nobody has it: it went to an agent that died before it could keep its id.
    case nil where task.isUnknown: nil
    case nil: "ended as \(task.state)"
    }
  }
}
