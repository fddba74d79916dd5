import Resources
import Wire

extension MasterCore {
  /// A status of a task, from its agent.
  func update(_ call: AgentCall.Update, from agent: Agent) {
    var status = call.status
    // Protocol fact 67.
    if !status.hasAgentID { status.agentID.value = agent.id }
    if !status.hasTimestamp { status.timestamp = now.epochSeconds }
    guard let framework = frameworks[call.frameworkID.value] else {
      metrics.invalidStatusUpdates += 1
      return log(.debug, "Dropped an update of task \(status.taskID.value): no framework \(call.frameworkID.value)")
    }
    metrics.statusUpdates += 1
    let latest = call.hasLatestState ? call.latestState : status.state
    if isCondemned(status.taskID.value, of: framework.id, on: agent.id) {
      return acknowledgeCondemned(status, latest: latest, of: framework, on: agent)
    }
    record(status, latest: latest, of: framework, on: agent)
    send(.update(status), to: framework)
  }

  /// Takes a status into the books; what the task held is free once a terminal state is known (protocol fact 65).
  private func record(_ status: MesosTaskStatus, latest: MesosTaskState, of framework: Framework, on agent: Agent) {
    let id = status.taskID.value
    guard var task = framework.tasks[id], task.agentID == agent.id else { return }
    let wasTerminal = task.state.isTerminal
    let isNews = task.record(status, latest: latest)
    framework.tasks[id] = task
    if isNews { tellUpdated(status, of: framework, state: task.state) }
    guard !wasTerminal, task.state.isTerminal else { return }
    var end = status
    end.state = task.state
    count(end, of: framework)
    ledger.recover(task.resources, agent: agent.slot, framework: framework.slot)
  }

  func count(_ end: MesosTaskStatus, of framework: Framework) {
    metrics.count(end)
    framework.metrics.taskEnds[end.state, default: 0] += 1
  }

  /// Protocol facts 70 and 71.
  func acknowledge(_ call: SchedulerCall.Acknowledge, of framework: Framework) {
    guard let agent = agents[call.agentID.value], agent.stream != nil else {
      metrics.droppedMessages += 1
      return
    }
    metrics.acknowledgements += 1
    let id = call.taskID.value
    if let task = framework.tasks[id], task.agentID == agent.id, task.forwardedState.isTerminal,
      task.forwardedUUID.map({ $0.elementsEqual(call.uuid) }) ?? false
    {
      complete(task, of: framework, on: agent)
    }
    var event = AgentEvent()
    event.acknowledge.frameworkID.value = framework.id
    event.acknowledge.taskID = call.taskID
    event.acknowledge.uuid = call.uuid
    send(event, to: agent)
  }

  /// Moves a task whose end its framework knows to the completed ones. Its resources are free already.
  func complete(_ task: MasterTask, of framework: Framework, on agent: Agent) {
    framework.tasks[task.id] = nil
    framework.completedTasks.append(task)
    forget(task.id, of: framework, on: agent)
  }

  /// Takes a task off its agent's list.
  func forget(_ task: String, of framework: Framework, on agent: Agent) {
    agent.tasks[framework.id]?.remove(task)
    if agent.tasks[framework.id]?.isEmpty ?? false { agent.tasks[framework.id] = nil }
    if !agent.hosts(framework.id) { framework.agents.remove(agent.id) }
  }

  /// Protocol facts 77 and 78.
  func kill(_ call: SchedulerCall.Kill, of framework: Framework) {
    guard let task = framework.tasks[call.taskID.value] else {
      var question = SchedulerCall.Reconcile.Task()
      question.taskID = call.taskID
      if call.hasAgentID { question.agentID = call.agentID }
      return answer(question, of: framework)
    }
    if call.hasAgentID, call.agentID.value != task.agentID {
      return log(
        .warning,
        "Ignored KILL of task \(task.id) of framework \(framework.id): it is on agent \(task.agentID), not \(call.agentID.value)"
      )
    }
    guard let agent = agents[task.agentID] else { return }
    var event = AgentEvent()
    event.kill.frameworkID.value = framework.id
    event.kill.taskID = call.taskID
    if call.hasKillPolicy { event.kill.killPolicy = call.killPolicy }
    if agent.stream == nil { agent.pendingKills.append(event) } else { send(event, to: agent) }
  }

  func deliver(_ call: AgentCall.Message, from agent: Agent) {
    guard let framework = frameworks[call.frameworkID.value] else {
      metrics.invalidMessagesToFrameworks += 1
      return
    }
    metrics.messagesToFrameworks += 1
    var event = SchedulerEvent()
    event.type = .message
    event.message.agentID.value = agent.id
    event.message.executorID = call.executorID
    event.message.data = call.data
    send(event, to: framework)
  }

  /// Protocol fact 94.
  func executorExited(_ call: AgentCall.ExecutorExited, on agent: Agent) {
    metrics.executorExits += 1
    guard let framework = frameworks[call.frameworkID.value] else { return }
    let id = call.executorID.value
    guard let executor = agent.executors[framework.id]?.removeValue(forKey: id) else { return }
    if agent.executors[framework.id]?.isEmpty ?? false { agent.executors[framework.id] = nil }
    if !agent.hosts(framework.id) { framework.agents.remove(agent.id) }
    ledger.recover(executor.resources, agent: agent.slot, framework: framework.slot)
    var event = SchedulerEvent()
    event.type = .failure
    event.failure.agentID.value = agent.id
    event.failure.executorID = call.executorID
    event.failure.status = call.status
    send(event, to: framework)
  }
}
