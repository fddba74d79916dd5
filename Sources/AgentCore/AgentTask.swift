import Wire

/// A task on the agent, from its arrival until its terminal update is acknowledged.
final class AgentTask {
  let info: MesosTaskInfo
  /// Order of arrival.
  let sequence: UInt64
  /// Sequence of the first task of its group, if it came in one.
  let group: UInt64?
  unowned let executor: Executor
  /// That its command runs in; nil if an executor of the framework's runs the task.
  let container: Container?

  var updates = UpdateStream()
  /// The newest state that the agent knows.
  private(set) var state = MesosTaskState.taskStaging
  /// One per state, oldest first, without data.
  private(set) var statuses: [MesosTaskStatus] = []
  /// The newest status that the scheduler acknowledged, without data.
  var acknowledgedStatus: MesosTaskStatus?
  /// The executor was given the task; in a pod, its container was asked for.
  var isDelivered = false
  /// A kill of its command: by the framework, for its completion time or health, or because its group ends.
  var kill: Kill?

  /// When its command was found to run, in nanoseconds.
  var startedNs: Int64?
  var checkers: [Checker.Kind: Checker] = [:]
  /// Without a success in between, and after the grace period.
  var failedHealthChecks: UInt32 = 0

  struct Kill {
    /// When its grace ends, in nanoseconds.
    var deadlineNs: Int64
    var cause = Cause.wanted

    enum Cause {
      case wanted
      case completionTime
      /// It, or a task of its group, failed its health checks.
      case unhealthy
    }
  }

  /// - Parameter nested: the id of its container within a pod.
  init(info: MesosTaskInfo, sequence: UInt64, group: UInt64?, executor: Executor, nested: String? = nil) {
    self.info = info
    self.sequence = sequence
    self.group = group
    self.executor = executor
    if executor.isCommandTask {
      container = executor.container
    } else {
      container = nested.map { Container($0, in: executor.containerID) }
    }
  }

  var id: String { info.taskID.value }
  var isTerminal: Bool { state.isTerminal }
  var hasChecks: Bool { info.hasCheck || info.hasHealthCheck }
  /// Its command ran at some time.
  var hasRun: Bool { state != .taskStaging && state != .taskStarting }

  /// The user that its command runs as; nil is the agent's.
  var user: String? {
    executor.isPod && executor.user != nil && info.command.hasUser ? info.command.user : executor.user
  }

  /// What it asked for.
  var requests: [Amount] {
    var sum = AmountSum()
    sum.add(info.resources)
    return sum.amounts
  }

  /// What it may burst to: only resources that it limits.
  var limits: [Amount] {
    info.limits.sorted { $0.key < $1.key }.map { name, limit in
      Amount(name: name, value: AmountSum.thousandths(limit.value))
    }
  }

  /// The role that its resources are allocated to.
  var role: String { info.resources.first { $0.allocationInfo.hasRole }?.allocationInfo.role ?? executor.role }

  /// Takes note of a status; a repeat of the last state replaces it, as in protocol fact 74.
  func note(_ status: MesosTaskStatus) {
    state = status.state
    var kept = status
    kept.clearData()
    if statuses.last?.state == kept.state { statuses.removeLast() }
    statuses.append(kept)
  }

  /// The task as told to the master and in `/state`.
  func described() -> MesosTask {
    var task = MesosTask()
    task.name = info.name
    task.taskID = info.taskID
    task.frameworkID = executor.frameworkID
    // The id of an executor that the agent made is nobody's business (protocol fact 64).
    if !executor.isCommandTask { task.executorID = executor.info.executorID }
    task.agentID = info.agentID
    task.state = state
    task.resources = info.resources
    task.statuses = statuses
    // Protocol fact 83: what was last forwarded is the update in flight, or the last one that was acknowledged.
    if let forwarded = updates.inFlight?.status ?? statuses.last {
      task.statusUpdateState = forwarded.state
      task.statusUpdateUuid = forwarded.uuid
    }
    if info.hasLabels { task.labels = info.labels }
    if info.hasDiscovery { task.discovery = info.discovery }
    if info.hasContainer { task.container = info.container }
    if info.hasHealthCheck { task.healthCheck = info.healthCheck }
    if info.hasKillPolicy { task.killPolicy = info.killPolicy }
    let command = info.hasCommand ? info.command : executor.info.command
    if command.hasUser { task.user = command.user }
    task.limits = info.limits
    return task
  }
}
