import Wire

extension MasterCore {
  func reconcile(_ call: SchedulerCall.Reconcile, of framework: Framework) {
    if call.tasks.isEmpty {
      // Protocol fact 82. In an order that does not change from call to call.
      for task in framework.tasks.values.sorted(by: { $0.id < $1.id }) { tellLatest(task, framework) }
    } else {
      for question in call.tasks { answer(question, of: framework) }
    }
  }

  /// Protocol fact 84.
  func answer(_ question: SchedulerCall.Reconcile.Task, of framework: Framework) {
    let id = question.taskID.value
    if let task = framework.tasks[id] { return tellLatest(task, framework) }
    let agentID = question.hasAgentID ? question.agentID.value : nil
    if mayComeBack(agentID, framework) { return }
    let lostID = framework.unreachableTasks[id]?.agentID ?? agentID
    let record = lostID.flatMap { agentRecords[$0] }
    if let agentID, agents[agentID] != nil {
      tell(question, framework, .taskGone, "Task is unknown to the agent")
    } else if let record, record.hasUnreachableSince {
      tell(question, framework, .taskUnreachable, "Task is unreachable", unreachableSince: record.unreachableSince)
    } else if let record, record.hasGoneSince {
      tell(question, framework, .taskGoneByOperator, "Task is gone")
    } else {
      tell(question, framework, .taskUnknown, "Task is unknown")
    }
  }

  /// Whether an agent that nothing is known of may still come from an earlier master. There is no answer until then:
  /// a false one could make a framework start its tasks twice (protocol facts 84 and 92).
  func mayComeBack(_ agentID: String?, _ framework: Framework) -> Bool {
    if let agentID { if isRecovered(agentID) { return true } } else if !awaitedAgents.isEmpty { return true }
    guard now.monotonicNs < started.monotonicNs + configuration.agentReregisterTimeoutNs else { return false }
    let isForeign = { (id: String) in !id.hasPrefix(self.configuration.id) && id.contains("-") }
    if let agentID { return agents[agentID] == nil && agentRecords[agentID] == nil && isForeign(agentID) }
    return isForeign(framework.id)
  }

  /// The state last forwarded (protocol facts 82 and 83).
  private func tellLatest(_ task: MasterTask, _ framework: Framework) {
    var status = MesosTaskStatus()
    status.taskID.value = task.id
    status.agentID.value = task.agentID
    status.state = task.forwardedState
    status.source = .master
    status.reason = .reconciliation
    status.message = "Reconciliation: Latest task state"
    status.timestamp = now.epochSeconds
    if let executor = task.executorID { status.executorID.value = executor }
    if let last = task.statuses.last { status.keep(last.message) }
    send(.update(status), to: framework)
  }

  /// Protocol fact 85.
  private func tell(
    _ question: SchedulerCall.Reconcile.Task, _ framework: Framework, _ state: MesosTaskState, _ message: String,
    unreachableSince time: Double? = nil
  ) {
    var status = MesosTaskStatus()
    status.taskID = question.taskID
    if question.hasAgentID { status.agentID = question.agentID }
    status.state = framework.state(ifAware: state)
    status.source = .master
    status.reason = .reconciliation
    status.message = "Reconciliation: \(message)"
    status.timestamp = now.epochSeconds
    if let time { status.unreachableTime.nanoseconds = Int64(time * 1e9) }
    send(.update(status), to: framework)
  }
}

extension MesosTaskStatus {
  /// What the master tells on its own of a task still holds of its health and its container.
  mutating func keep(_ last: MesosTaskStatus) {
    if last.hasHealthy { healthy = last.healthy }
    if last.hasCheckStatus { checkStatus = last.checkStatus }
    if last.hasContainerStatus { containerStatus = last.containerStatus }
  }
}
