import Allocation
import ArgumentParser
import Glibc
import Logging
import ModuleHost
import ModuleKit

/// The allocator without a master: a policy's shared library behind the border of modules, over the master's real books.
struct AllocatorBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "allocator",
    abstract: "Figures of allocation cycles, in processor time; each is the least of several runs.")

  @Option(help: "The directory with the policies' libraries.") var modulesDir: String
  @Option(help: "Only this policy; may be repeated.") var policy: [String] = []
  @Option(help: "Runs of which the best counts.") var runs = 5
  @Flag(help: "Leave out the tables of how figures grow.") var short = false
  @Flag(help: "Fail when a figure is out of its checked-in bound.") var checkBounds = false

  func run() throws {
    var figures = Figures(calibration: Calibration.seconds(), checks: checkBounds)
    print("Processor time in ms; agents have cpus, mem, disk and ports, frameworks a role each")
    print("(calibration loop: \(ms(figures.calibration)) ms; times in brackets: Apache Mesos 1.11, -O2, 2 quiet cores)")
    try tellMemory(&figures)
    // Not lua: where all agents are reserved, its own script looks at every pair, which its bound of instructions ends.
    for name in policy.isEmpty ? ["drf", "strict-priority", "binpack"] : policy {
      try tellSizes(name, &figures)
      if short { continue }
      try tellGrowth(name)
      try tellShapes(name)
    }
    try tellMaster(&figures)
    try figures.check()
  }

  /// Before anything else, so that all of it is new.
  private func tellMemory(_ figures: inout Figures) throws {
    let before = try ProcessMemory.pssMB(of: getpid())
    let cluster = try AllocatorCluster(AllocatorScene(agents: 10_000, frameworks: 1000), try load("drf"))
    try cluster.expectCycle(10_000)
    let memory = try ProcessMemory.pssMB(of: getpid()) - before
    figures.tell("10000 × 1000: memory of the books and of the offers", memory, "MB (5,900)", atMost: 100)
    cluster.takeBack(refusingForSeconds: 5)
  }

  /// The sizes for which there are figures of Mesos; bounds are multiples of the calibration loop.
  private func tellSizes(_ name: String, _ figures: inout Figures) throws {
    for (agents, frameworks, mesos) in [(1000, 200, 30), (5000, 200, 144), (10_000, 200, 360)] {
      let phases = try best(name, AllocatorScene(agents: agents, frameworks: frameworks))
      figures.tell(
        "\(name), \(agents) × \(frameworks): first cycle", phases[.first] * 1000, "ms (\(mesos))")
    }
    let phases = try best(name, AllocatorScene(agents: 10_000, frameworks: 1000))
    let mesos: [AllocatorPhases.Phase: String] = [
      .first: "1,060", .nothing: "740", .decline: "440", .reoffer: "940", .joining: "26,000",
    ]
    for phase in AllocatorPhases.Phase.allCases {
      figures.tell(
        "\(name), 10000 × 1000: \(phase.rawValue)", phases[phase] * 1000,
        "ms" + (mesos[phase].map { " (\($0))" } ?? ""), boundRatio: Self.bounds[phase])
    }
    let big = try best(name, AllocatorScene(agents: 50_000, frameworks: 2000), runs: 2)
    figures.tell(
      "\(name), 50000 × 2000: first cycle", big[.first] * 1000, "ms", boundRatio: Self.bigBound)
  }

  /// In thousandths of the calibration loop.
  private static let bounds: [AllocatorPhases.Phase: Double] = [
    .first: 200, .nothing: 4, .few: 15, .decline: 450, .reoffer: 200, .expiry: 250, .joining: 250,
  ]
  private static let bigBound = 1200.0

  private func tellGrowth(_ name: String) throws {
    let sizes = [
      (2500, 1000), (5000, 1000), (10_000, 1000), (20_000, 1000), (10_000, 500), (10_000, 2000), (10_000, 4000),
    ]
    try table(name, sizes.map { ("\($0) × \($1)", AllocatorScene(agents: $0, frameworks: $1)) })
  }

  private func tellShapes(_ name: String) throws {
    let usual = AllocatorScene(agents: 10_000, frameworks: 1000)
    var plain = usual
    plain.hasPorts = false
    var one = usual
    one.roles = .one
    var tree = usual
    tree.roles = .tree
    var reserved = usual
    reserved.reserves = true
    var limited = usual
    limited.limitsRoles = true
    try table(
      name,
      [
        ("without ports", plain), ("all in one role", one), ("3 levels of roles", tree),
        ("reservations", reserved), ("quotas", limited),
      ])
  }

  private func table(_ name: String, _ rows: [(String, AllocatorScene)]) throws {
    let phases = AllocatorPhases.Phase.allCases
    for phase in phases { print("    [\(letter(phase))] \(phase.rawValue)") }
    print("  \(padded(name, 20))" + phases.map { padded("[\(letter($0))]", 9) }.joined())
    for (label, scene) in rows {
      let figures = try best(name, scene, runs: min(runs, 3))
      print("  \(padded(label, 20))" + phases.map { padded("\(ms(figures[$0]))", 9) }.joined())
    }
  }

  private func letter(_ phase: AllocatorPhases.Phase) -> Character {
    let index = AllocatorPhases.Phase.allCases.firstIndex(of: phase) ?? 0
    return Array("ABCDEFGHI")[index]
  }

  private func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
  }

  /// The whole master but for its sockets.
  private func tellMaster(_ figures: inout Figures) throws {
    let master = try CoreCluster(agents: 10_000, frameworks: 1000, policy: try load("drf"))
    for (what, seconds) in try master.run() { figures.tell("master, 10000 × 1000: \(what)", seconds * 1000, "ms") }
  }

  private func best(_ name: String, _ scene: AllocatorScene, runs: Int? = nil) throws -> AllocatorPhases {
    try AllocatorPhases.best(of: runs ?? self.runs, scene) { try load(name) }
  }

  private func load(_ module: String) throws -> LoadedAllocator {
    // How many agents that nobody uses bin packing offers at once is limited; here it shall offer all.
    let parameters = module == "binpack" ? #""unused_agents": "1000000""# : ""
    let host = try ModuleHost(
      product: "tepui-bench", version: "0", directory: modulesDir,
      configuration: """
        {"libraries": [{"name": "\(module)", "modules": [{"name": "org.tepui.\(module)", "parameters": {\(parameters)}}]}]}
        """, logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
    return try host.loadAllocator(named: module)
  }

  private func ms(_ seconds: Double) -> Double { (seconds * 100_000).rounded() / 100 }
}
