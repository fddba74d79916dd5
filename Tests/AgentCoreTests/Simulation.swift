import AgentCore
import Wire

/// An agent core with a virtual clock, a containment and a master that do what the test says.
final class Simulation {
  static let agentID = "m-S0"
  static let second: Int64 = 1_000_000_000

  private(set) var core: AgentCore
  private(set) var now: Int64 = 1_700_000_000 * second
  private(set) var records: [String: [UInt8]] = [:]
  private var uuids: UInt64 = 0

  // What came out, oldest first.
  private(set) var effects: [AgentEffect] = []
  private(set) var calls: [AgentCall] = []
  private(set) var launches: [ContainerLaunch] = []

  /// Called with each turn: the records after its commit, and its effects.
  var observe: (([String: [UInt8]], [AgentEffect]) -> Void)?

  var configuration: AgentConfiguration

  static func defaultConfiguration() -> AgentConfiguration {
    var info = MesosAgentInfo()
    info.hostname = "node1"
    info.port = 5051
    info.resources = [resource("cpus", 4), resource("mem", 4096)]
    return AgentConfiguration(
      info: info, version: "1", ip: "127.0.0.1", port: 5051, workDirectory: "/w", bootID: "boot-1")
  }

  init(
    _ configuration: AgentConfiguration = Simulation.defaultConfiguration(), records: [String: [UInt8]] = [:],
    uuidsFrom first: UInt64 = 0, at time: Int64? = nil
  ) throws {
    self.configuration = configuration
    self.records = records
    let counter = Counter(first)
    core = try AgentCore(configuration, recovering: records) { counter.next() }
    if let time { now = time }
    feed(.start)
  }

  /// Started and subscribed.
  static func subscribed(_ configuration: AgentConfiguration = Simulation.defaultConfiguration()) throws -> Simulation {
    let simulation = try Simulation(configuration)
    simulation.connect()
    return simulation
  }

  /// Kills the agent and starts it again from its records.
  func restarted(bootID: String = "boot-1", changing odd: [String: [UInt8]] = [:]) throws -> Simulation {
    var changed = configuration
    changed.bootID = bootID
    let records = records.merging(odd) { $1 }
    return try Simulation(changed, records: records, uuidsFrom: 1 << 40, at: now)
  }

  @discardableResult
  func feed(_ input: AgentInput) -> [AgentEffect] {
    let turn = core.handle(input, at: now)
    for effect in turn {
      switch effect {
      case .persist(let key, let value): records[key] = value
      case .forget(let key): records[key] = nil
      case .forgetEverything: records = [:]
      default: break
      }
    }
    for effect in turn {
      switch effect {
      case .sendToMaster(let call): calls.append(call)
      case .launch(let launch): launches.append(launch)
      default: break
      }
    }
    effects += turn
    observe?(records, turn)
    return turn
  }

  func connect() {
    feed(.connectingToMaster)
    feedMaster(
      .subscribed(
        .with {
          $0.agentID.value = Self.agentID
          $0.masterInfo.id = "m"
          $0.masterInfo.ip = 0
          $0.pingIntervalSeconds = 15
        }))
  }

  @discardableResult
  func feedMaster(_ event: AgentEvent.OneOf_Event) -> [AgentEffect] {
    var message = AgentEvent()
    message.event = event
    return feed(.master(message))
  }

  /// Lets time pass, with a tick at every deadline on the way.
  @discardableResult
  func advance(seconds: Double) -> [AgentEffect] {
    let end = now + Int64(seconds * 1e9)
    let first = effects.count
    while let deadline = core.nextDeadline(), deadline <= end {
      now = max(now, deadline)
      feed(.tick)
    }
    now = end
    return Array(effects[first...])
  }

  // MARK: What the master does

  func run(
    _ tasks: [MesosTaskInfo], of framework: MesosFrameworkInfo = framework(), on executor: MesosExecutorInfo? = nil,
    group: Bool = false
  ) {
    feedMaster(
      .run(
        .with {
          $0.frameworkInfo = framework
          $0.tasks = tasks
          if let executor { $0.executor = executor }
          $0.group = group
        }))
  }

  func kill(_ task: String, graceSeconds: Double? = nil) {
    feedMaster(
      .kill(
        .with {
          $0.frameworkID.value = "F"
          $0.taskID.value = task
          if let graceSeconds { $0.killPolicy.gracePeriod.nanoseconds = Int64(graceSeconds * 1e9) }
        }))
  }

  /// Acknowledges the newest update that was sent of a task.
  func acknowledge(_ task: String) {
    guard let status = statuses(task).last else { return }
    acknowledge(task, uuid: [UInt8](status.uuid))
  }

  func acknowledge(_ task: String, uuid: [UInt8]) {
    feedMaster(
      .acknowledge(
        .with {
          $0.frameworkID.value = "F"
          $0.taskID.value = task
          $0.uuid = .init(uuid)
        }))
  }

  /// Acknowledges whatever is sent until nothing comes any more.
  func acknowledgeAll() {
    var done: Set<[UInt8]> = []
    while let status = updates.first(where: { $0.status.hasUuid && !done.contains([UInt8]($0.status.uuid)) })?.status {
      done.insert([UInt8](status.uuid))
      acknowledge(status.taskID.value, uuid: [UInt8](status.uuid))
    }
  }

  // MARK: What executors do

  func subscribeExecutor(
    _ id: String = "E", exchange: ExchangeID = 1, tasks: [MesosTaskInfo] = [], updates: [MesosTaskStatus] = []
  ) {
    var call = executorCall(id, .subscribe)
    call.subscribe = .with {
      $0.unacknowledgedTasks = tasks
      $0.unacknowledgedUpdates = updates.map { status in .with { $0.status = status } }
    }
    feed(.executorCall(call, exchange: exchange))
  }

  func update(_ status: MesosTaskStatus, executor: String = "E", exchange: ExchangeID = 100) {
    var call = executorCall(executor, .update)
    call.update.status = status
    feed(.executorCall(call, exchange: exchange))
  }

  // MARK: What was seen

  var updates: [AgentCall.Update] {
    calls.compactMap { if case .update(let update) = $0.call { update } else { nil } }
  }

  /// Every status of a task that was sent, repeats included.
  func statuses(_ task: String) -> [MesosTaskStatus] {
    updates.map(\.status).filter { $0.taskID.value == task }
  }

  func states(_ task: String) -> [MesosTaskState] { statuses(task).map(\.state) }

  func events(_ exchange: ExchangeID = 1) -> [ExecutorEvent] {
    effects.compactMap { effect in
      if case .sendToExecutor(exchange, let event) = effect { event } else { nil }
    }
  }

  var signals: [Int32] {
    effects.compactMap { if case .signal(_, let signal) = $0 { signal } else { nil } }
  }

  var destroyed: [String] {
    effects.compactMap { if case .destroy(let id) = $0 { id } else { nil } }
  }

  var cancelled: [String] {
    effects.compactMap { if case .cancelLaunch(let id) = $0 { id } else { nil } }
  }

  func isLive(_ container: String) -> Bool { core.isLive(container: container) }

  var recovered: [ContainerLaunch] {
    effects.compactMap { if case .recover(let launch) = $0 { launch } else { nil } }
  }

  var stopReason: String? {
    effects.compactMap { if case .stop(let reason) = $0 { reason } else { nil } }.first
  }

  func responses(_ exchange: ExchangeID) -> [(status: Int, text: String)] {
    effects.compactMap { effect in
      if case .respond(exchange, let status, let text) = effect { (status, text) } else { nil }
    }
  }

  /// Launches a command task up to TASK_RUNNING and returns its container.
  @discardableResult
  func runCommand(_ task: MesosTaskInfo, of info: MesosFrameworkInfo = framework()) -> String {
    run([task], of: info)
    let container = launches[launches.count - 1].containerID
    feed(.containerLaunched(container, pid: 4711))
    return container
  }

  /// Launches executor E with these tasks, subscribes it and returns its container.
  @discardableResult
  func runExecutor(
    _ tasks: [MesosTaskInfo], of info: MesosFrameworkInfo = framework(), executor: MesosExecutorInfo = executor(),
    group: Bool = false
  ) -> String {
    run(tasks, of: info, on: executor, group: group)
    let container = launches[launches.count - 1].containerID
    feed(.containerLaunched(container, pid: 4711))
    subscribeExecutor(executor.executorID.value)
    return container
  }

  /// Launches a group on pod P, as far as it goes at once, and returns the pod's container.
  @discardableResult
  func runPod(
    _ tasks: [MesosTaskInfo], of info: MesosFrameworkInfo = framework(), executor: MesosExecutorInfo = pod(),
    upToRunning: Bool = true
  ) -> String {
    run(tasks, of: info, on: executor, group: true)
    let parent = launches.last { $0.executorID == executor.executorID.value && $0.isPod }?.containerID ?? ""
    if !launches.contains(where: { $0.nesting?.parentID == parent }) { feed(.containerLaunched(parent, pid: 4711)) }
    guard upToRunning else { return parent }
    for (index, task) in tasks.enumerated() { feed(.containerLaunched(nested(task), pid: 5000 + Int32(index))) }
    return parent
  }

  /// The latest container of a task of a pod.
  func nested(_ task: MesosTaskInfo) -> String { nested(task.taskID.value) }

  func nested(_ task: String) -> String { launches.last { $0.nesting?.taskID == task }?.containerID ?? "" }

  func exit(_ task: String, _ outcome: ContainerOutcome) { feed(.containerExited(nested(task), outcome)) }

  /// Statuses of executors that the master was told of.
  var executorExits: [Int32] {
    calls.compactMap { if case .executorExited(let exited) = $0.call { exited.status } else { nil } }
  }

  func signalled(_ task: String) -> Bool {
    effects.contains { if case .signal(nested(task), 15) = $0 { true } else { false } }
  }
}

private final class Counter {
  private var value: UInt64

  init(_ first: UInt64) { value = first }

  func next() -> [UInt8] {
    value += 1
    return (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } + [UInt8](repeating: 0, count: 8)
  }
}
