import AgentCore
import MasterCore
import Resources
import Wire

/// The daemon around an AgentCore, with containers that outlive it and records that survive it.
final class AgentNode: StreamClient {
  let hostname: String
  private let world: World
  private let master: MasterNode
  private let totals: [(name: String, amount: Double)]

  private var core: AgentCore?
  private var records: [String: [UInt8]] = [:]
  private(set) var containers: [String: Container] = [:]
  private var life = 0
  private var generation = 0
  private var connection: ConnectionID?
  private var calls: Link
  private var timer: Int64?
  private var uuids: UInt64 = 0
  private var isStopping = false
  /// Set for one turn: the process ends after its commit and before anything else.
  var crashesInNextTurn = false

  struct Container {
    var launch: ContainerLaunch
    var outcome: ContainerOutcome?
  }

  init(_ world: World, _ master: MasterNode, hostname: String, totals: [(name: String, amount: Double)]) {
    self.world = world
    self.master = master
    self.hostname = hostname
    self.totals = totals
    calls = Link(world)
    start()
  }

  var isUp: Bool { core != nil }

  var isIdle: Bool {
    containers.isEmpty && !records.keys.contains { $0.hasPrefix("task/") || $0.hasPrefix("operation/") }
  }

  /// What it has; nil while it is down.
  var total: Resources? { isUp ? (core?.state()).flatMap { try? Resources(wire: $0.info.resources) } : nil }

  /// What it was given, as it is without any operation.
  var plainTotal: Resources { Resources(totals.map { .scalar($0.name, $0.amount) }) }

  // MARK: Life

  func start() {
    guard core == nil else { return }
    life += 1
    isStopping = false
    world.note("agent \(hostname) starts")
    var info = MesosAgentInfo()
    info.hostname = hostname
    info.port = 5051
    info.resources = totals.map { total in
      .with {
        $0.name = total.name
        $0.type = .scalar
        $0.scalar.value = total.amount
      }
    }
    // As a daemon would listen: the address tells agents apart.
    let configuration = AgentConfiguration(
      info: info, version: "1", ip: hostname, port: 5051, workDirectory: "/w", bootID: "boot")
    do {
      core = try AgentCore(configuration, recovering: records) { [weak self] in self?.makeUUID() ?? [] }
    } catch {
      world.note("agent \(hostname) cannot start: \(error)")
      return
    }
    feed(.start)
    connect(after: 0)
  }

  /// The process is gone; containers live on.
  func crash() {
    guard core != nil else { return }
    world.note("agent \(hostname) crashes")
    core = nil
    timer = nil
    life += 1
    generation += 1
    calls.cut()
    connection.map(master.drop)
    connection = nil
  }

  /// The network fails: both ends learn of it.
  func disconnect() {
    guard core != nil, let connection else { return }
    world.note("agent \(hostname) loses its connection")
    master.drop(connection)
    lostMaster()
  }

  private func makeUUID() -> [UInt8] {
    uuids += 1
    let text = "\(hostname)/\(uuids)"
    return Array(text.utf8.prefix(16)) + [UInt8](repeating: 0, count: max(0, 16 - text.utf8.count))
  }

  // MARK: Link

  private func connect(after wait: Int64) {
    let life = life
    world.after(wait) { [self] in
      if self.life == life, connection == nil { feed(.connectingToMaster) }
    }
  }

  private func subscribe(_ call: AgentCall) {
    generation += 1
    calls = Link(world)
    let current = generation
    connection = master.subscribe(
      self, current, { .agentCalls(.with { $0.calls = [call] }, from: $0) },
      receiveAgent: { [self] event in
        if current == generation { feed(.master(event)) }
      })
  }

  func opened(_ generation: Int, streamID: String) {}

  func closed(_ generation: Int) {
    if generation == self.generation && core != nil { lostMaster() }
  }

  private func lostMaster() {
    generation += 1
    calls.cut()
    connection = nil
    feed(.masterDisconnected)
    if !isStopping { connect(after: world.between(0, 2 * World.second)) }
  }

  // MARK: Turns

  private func feed(_ input: AgentInput) {
    guard let turn = core?.handle(input, at: world.now) else { return }
    for effect in turn {
      switch effect {
      case .persist(let key, let value): records[key] = value
      case .forget(let key): records[key] = nil
      case .forgetEverything: records = [:]
      default: break
      }
    }
    if crashesInNextTurn && !turn.isEmpty {
      crashesInNextTurn = false
      crash()
      return
    }
    // Their ends are stored now.
    if case .containerExited(let id, _) = input { containers[id] = nil }
    for effect in turn { carryOut(effect) }
    scheduleTick()
  }

  private func scheduleTick() {
    guard let deadline = core?.nextDeadline(), timer.map({ $0 > deadline || $0 <= world.now }) ?? true else { return }
    timer = deadline
    let life = life
    world.at(deadline) { [self] in
      guard self.life == life, timer == deadline else { return }
      timer = nil
      feed(.tick)
    }
  }

  private func carryOut(_ effect: AgentEffect) {
    guard core != nil else { return }
    switch effect {
    case .subscribe(let call): subscribe(call)
    case .sendToMaster(let call):
      calls.send { [self] in master.post { .agentCalls(.with { $0.calls = [call] }, from: $0) } }
    case .dropMaster:
      connection.map(master.drop)
      lostMaster()
    case .launch(let launch): self.launch(launch)
    case .recover(let launch): recover(launch)
    case .signal(let id, let signal): end(id, after: world.between(1, 2000) * World.millisecond, status: signal)
    case .destroy(let id): end(id, after: World.millisecond, status: 9)
    case .destroyOrphans(let keep):
      for id in containers.keys.sorted() where !keep.contains(id) { containers[id] = nil }
    case .startCheck(let run): answer(.checkEnded(run: run.id, .connected(!world.happens(40))))
    case .changeVolumes(let operation, _, _): answer(.volumesChanged(operation: operation, problem: nil))
    case .addVolumes(let added):
      answer(.volumesAdded(containerID: added.containerID, batch: added.batch, problem: nil))
    case .stop: stop()
    case .log(.warning, let text), .log(.error, let text): world.note("agent \(hostname): \(text)")
    case .cancelLaunch, .endCheck, .deleteRemoved, .log, .persist, .forget, .forgetEverything, .update, .respond,
      .openStream, .sendToExecutor, .closeStream:
      break
    }
  }

  /// Unless the agent dies before.
  private func answer(_ input: AgentInput) {
    let life = life
    world.after(world.between(1, 20) * World.millisecond) { [self] in
      if self.life == life { feed(input) }
    }
  }

  private func stop() {
    world.note("agent \(hostname) stops")
    isStopping = true
    crash()
    world.after(World.second) { [self] in start() }
  }

  // MARK: Containers

  private func launch(_ launch: ContainerLaunch) {
    if world.happens(2) {
      return later { $0.feed(.containerLaunchFailed(launch.containerID, message: "the simulation refused it")) }
    }
    containers[launch.containerID] = Container(launch: launch)
    later { $0.feed(.containerLaunched(launch.containerID, pid: 1)) }
    // The script of a simulated command: seconds to run, and the exit status.
    let words = launch.arguments.last?.split(separator: " ") ?? []
    let seconds = words.first.flatMap { Int64($0) } ?? 1
    let code = words.last.flatMap { Int32($0) } ?? 0
    end(launch.containerID, after: seconds * World.second, status: code << 8)
  }

  private func recover(_ launch: ContainerLaunch) {
    let id = launch.containerID
    let isAlive = containers[id].map { $0.outcome == nil } ?? false
    later { $0.feed(.containerRecovered(id, pid: isAlive ? 1 : nil)) }
    if !isAlive {
      let outcome = containers[id]?.outcome ?? ContainerOutcome(waitStatus: nil)
      later { $0.feed(.containerExited(id, outcome)) }
    }
  }

  private func end(_ id: String, after wait: Int64, status: Int32) {
    world.after(wait) { [self] in
      guard containers[id] != nil, containers[id]?.outcome == nil else { return }
      let outcome = ContainerOutcome(waitStatus: status)
      containers[id]?.outcome = outcome
      later { $0.feed(.containerExited(id, outcome)) }
    }
  }

  /// What containment reports to the process that lives now; one that comes later asks by itself.
  private func later(_ body: @escaping (AgentNode) -> Void) {
    let life = life
    world.after(World.millisecond) { [self] in
      if self.life == life { body(self) }
    }
  }

  /// Thousandths of a kind that live containers hold.
  func used(_ name: String) -> Int64 {
    containers.values.filter { $0.outcome == nil }.reduce(0) { sum, container in
      sum + (container.launch.requests.first { $0.name == name }?.value ?? 0)
    }
  }

  func total(_ name: String) -> Int64 {
    Int64(((totals.first { $0.name == name }?.amount ?? 0) * 1000).rounded())
  }
}
