import MasterCore
import Resources
import Wire

/// A framework that runs command tasks, keeps what it is told of them, and asks when it hears nothing.
final class FrameworkNode: StreamClient {
  let name: String
  private let world: World
  private let master: MasterNode
  private(set) var info: MesosFrameworkInfo
  private var generation = 0
  private var connection: ConnectionID?
  private var streamID = ""
  private var calls: Link
  private var lastHeard: Int64 = 0
  private var nextTask = 0
  /// Launches nothing more.
  var isWindingDown = false

  private(set) var tasks: [String: Task] = [:]
  private(set) var violations: [String] = []
  let operations: OperationsNode

  struct Task {
    let exitCode: Int32
    var agent: String
    var state = MesosTaskState.taskStaging
    var isKilled = false
    var reason: MesosTaskStatus.Reason?
    /// The last status says that it was not healthy.
    var isUnhealthy = false
    /// Was told to be lost, by a master that then died.
    var wasLost = false
    /// A master that has heard of all agents in time knows nothing of it.
    var isUnknown = false
    /// The life of the master that said so.
    var life = 0

    enum End {
      case finished, failed, killed, refused, lost
    }

    /// UNREACHABLE and UNKNOWN are not the end of a task of a partition-aware framework.
    static func end(_ state: MesosTaskState) -> End? {
      switch state {
      case .taskFinished: .finished
      case .taskFailed: .failed
      case .taskKilled: .killed
      case .taskError: .refused
      case .taskLost, .taskDropped, .taskGone: .lost
      default: nil
      }
    }

    var end: End? { Task.end(state) }

    var isOver: Bool { end != nil }
  }

  init(_ world: World, _ master: MasterNode, name: String, role: String, checkpoint: Bool, isReserving: Bool) {
    self.world = world
    self.master = master
    self.name = name
    operations = OperationsNode(world, role: role, name: name, isActive: isReserving)
    calls = Link(world)
    info = MesosFrameworkInfo()
    info.user = "nobody"
    info.name = name
    info.roles = [role]
    info.checkpoint = checkpoint
    info.failoverTimeout = 3600
    info.capabilities = [.multiRole, .partitionAware, .reservationRefinement].map { type in .with { $0.type = type } }
    connect()
    look()
  }

  var isConnected: Bool { connection != nil }

  func disconnect() {
    guard let connection else { return }
    world.note("framework \(name) loses its connection")
    master.drop(connection)
    lostMaster()
  }

  // MARK: Link

  private func connect() {
    generation += 1
    calls = Link(world)
    lastHeard = world.now
    var call = SchedulerCall()
    call.type = .subscribe
    call.subscribe.frameworkInfo = info
    if info.hasID { call.frameworkID = info.id }
    let current = generation
    connection = master.subscribe(
      self, current, { .schedulerCall(call, from: $0, streamID: nil) },
      receiveScheduler: { [self] event in
        if current == generation { received(event) }
      })
  }

  func opened(_ generation: Int, streamID: String) {
    if generation == self.generation { self.streamID = streamID }
  }

  func closed(_ generation: Int) {
    if generation == self.generation { lostMaster() }
  }

  private func lostMaster() {
    generation += 1
    calls.cut()
    connection = nil
    world.after(world.between(0, 2 * World.second)) { [self] in
      if connection == nil { connect() }
    }
  }

  private func send(_ type: SchedulerCall.TypeEnum, _ fill: (inout SchedulerCall) -> Void) {
    guard connection != nil else { return }
    var call = SchedulerCall()
    call.type = type
    call.frameworkID = info.id
    fill(&call)
    let streamID = streamID
    calls.send { [self] in master.post { .schedulerCall(call, from: $0, streamID: streamID) } }
  }

  /// Every half minute: is the master silent, and what became of the tasks?
  private func look() {
    world.after(world.between(20, 40) * World.second) { [self] in
      if connection != nil && world.now - lastHeard > 75 * World.second { disconnect() }
      if connection != nil { reconcile() }
      look()
    }
  }

  private func reconcile() {
    let open = tasks.filter { !$0.value.isOver }.sorted { $0.key < $1.key }
    guard !open.isEmpty else { return }
    send(.reconcile) { call in
      call.reconcile.tasks = open.map { id, task in
        .with {
          $0.taskID.value = id
          $0.agentID.value = task.agent
        }
      }
    }
  }

  // MARK: Events

  private func received(_ event: SchedulerEvent) {
    lastHeard = world.now
    switch event.type {
    case .subscribed:
      info.id = event.subscribed.frameworkID
      reconcile()
    case .offers: for offer in event.offers.offers { consider(offer) }
    case .update: update(event.update.status)
    case .updateOperationStatus: update(event.updateOperationStatus.status)
    case .error: violations.append("\(name) was told the error '\(event.error.message)'")
    default: break
    }
  }

  private func update(_ status: MesosOperationStatus) {
    if let problem = operations.note(status) { violations.append("\(name) \(problem)") }
    guard status.hasUuid else { return }
    send(.acknowledgeOperationStatus) {
      $0.acknowledgeOperationStatus.agentID = status.agentID
      $0.acknowledgeOperationStatus.operationID = status.operationID
      $0.acknowledgeOperationStatus.uuid = status.uuid.value
    }
  }

  private func update(_ status: MesosTaskStatus) {
    let id = status.taskID.value
    world.note("\(name)/\(id) \(status.state) reason \(status.hasReason ? "\(status.reason)" : "-")")
    if status.hasUuid {
      send(.acknowledge) {
        $0.acknowledge.agentID = status.agentID
        $0.acknowledge.taskID = status.taskID
        $0.acknowledge.uuid = status.uuid
      }
    }
    guard var task = tasks[id] else {
      violations.append("\(name) was told \(status.state) of task \(id), which it never launched")
      return
    }
    if task.isOver {
      // A repeat is legal, another end is not: it would make one of the two untrue.
      if task.end == Task.end(status.state) { return }
      // What a master said of a disconnected agent is lost with the master, and without checkpoints on its own word.
      guard !info.checkpoint, task.end == .lost, task.life != master.life else {
        return violations.append("\(name)/\(id) was \(task.state) and then \(status.state)")
      }
      task.wasLost = true
    }
    // A master that knows nothing yet cannot deny a task that another one launched.
    if status.state != .taskUnknown { task.state = status.state }
    task.isUnknown = isWindingDown && status.state == .taskUnknown
    task.life = master.life
    task.reason = status.hasReason ? status.reason : nil
    task.isUnhealthy = status.hasHealthy && !status.healthy
    tasks[id] = task
  }

  // MARK: Work

  private func consider(_ offer: MesosOffer) {
    var plain = (try? Resources(wire: offer.resources)) ?? Resources()
    let operations = operations.make(on: &plain, undoing: isWindingDown)
    let (cpus, mem) = (plain.total(of: "cpus").units, plain.total(of: "mem").units)
    guard !operations.isEmpty || !isWindingDown && world.happens(80) && cpus >= 1 && mem >= 64 else {
      return send(.decline) {
        $0.decline.offerIds = [offer.id]
        $0.decline.filters.refuseSeconds = isWindingDown ? 3600 : Double(world.between(0, 10))
      }
    }
    let most = isWindingDown ? 0 : min(Int64(cpus), Int64(mem / 64))
    let launched = (0..<world.between(min(1, most), most)).map { _ in makeTask(offer) }
    send(.accept) {
      $0.accept.offerIds = [offer.id]
      $0.accept.operations = operations
      if !launched.isEmpty {
        $0.accept.operations.append(
          .with {
            $0.type = .launch
            $0.launch.taskInfos = launched
          })
      }
      $0.accept.filters.refuseSeconds = Double(world.between(0, 5))
    }
    for task in launched where world.happens(20) {
      world.after(world.between(0, 20) * World.second) { [self] in kill(task.taskID.value) }
    }
  }

  private func makeTask(_ offer: MesosOffer) -> MesosTaskInfo {
    nextTask += 1
    let id = "t\(nextTask)"
    let code = world.happens(20) ? Int32(3) : 0
    tasks[id] = Task(exitCode: code, agent: offer.agentID.value)
    world.note("\(name)/\(id) launched on \(offer.agentID.value)")
    let seconds = world.between(0, 30)
    let isChecked = world.happens(30)
    return .with {
      $0.name = id
      $0.taskID.value = id
      $0.agentID = offer.agentID
      $0.resources = [("cpus", 1.0), ("mem", 64.0)].map { name, value in
        .with {
          $0.name = name
          $0.type = .scalar
          $0.scalar.value = value
          $0.allocationInfo = offer.allocationInfo
        }
      }
      $0.command.value = "\(seconds) \(code)"
      if isChecked {
        $0.healthCheck.type = .tcp
        $0.healthCheck.tcp.port = 80
        $0.healthCheck.delaySeconds = 1
        $0.healthCheck.intervalSeconds = 1
        $0.healthCheck.gracePeriodSeconds = 0
      }
    }
  }

  private func kill(_ id: String) {
    guard let task = tasks[id], !task.isOver else { return }
    tasks[id]?.isKilled = true
    send(.kill) {
      $0.kill.taskID.value = id
      $0.kill.agentID.value = task.agent
    }
  }
}
