import Wire

/// A task on the agent, from its arrival until its terminal update is acknowledged.
final class AgentTask {
  let info: MesosTaskInfo
  /// Order of arrival.
  let sequence: UInt64
  /// Sequence of the first task of its group, if it came in one.
  let group: UInt64?
  unowned let executor: Executor

  var updates = UpdateStream()
  /// The newest state that the agent knows.
  private(set) var state = MesosTaskState.taskStaging
  /// One per state, oldest first, without data.
  private(set) var statuses: [MesosTaskStatus] = []
  /// The newest status that the scheduler acknowledged, without data.
  var acknowledgedStatus: MesosTaskStatus?
  /// The executor was given the task.
  var isDelivered = false

  init(info: MesosTaskInfo, sequence: UInt64, group: UInt64?, executor: Executor) {
    self.info = info
    self.sequence = sequence
    self.group = group
    self.executor = executor
  }

  var id: String { info.taskID.value }
  var isTerminal: Bool { state.isTerminal }

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
    if let user = executor.user { task.user = user }
    task.limits = info.limits
    return task
  }
}
