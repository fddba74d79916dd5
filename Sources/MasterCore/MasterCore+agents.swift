import Resources
import Wire

extension MasterCore {
  /// The calls of one request of an agent. All but SUBSCRIBE must come from an agent that is subscribed.
  func handle(_ calls: AgentCalls, from connection: ConnectionID) {
    if let first = calls.calls.first, case .subscribe(let call)? = first.call {
      return subscribe(call, from: connection)
    }
    for call in calls.calls {
      guard let agent = agents[call.agentID.value], agent.stream != nil else {
        return respond(connection, 403, "Agent '\(call.agentID.value)' is not subscribed")
      }
      apply(call, from: agent)
    }
    respond(connection, 202)
  }

  private func apply(_ call: AgentCall, from agent: Agent) {
    // Whatever it says, it lives.
    agent.pingsUnanswered = 0
    switch call.call {
    case .update(let update): self.update(update, from: agent)
    case .message(let message): deliver(message, from: agent)
    case .executorExited(let exit): executorExited(exit, on: agent)
    case .unsubscribe: remove(agent, "the agent unregistered")
    case .operationUpdate(let update): self.update(update, from: agent)
    case .pong: break
    case .subscribe: log(.warning, "Ignored SUBSCRIBE of agent \(agent.id) among other calls")
    case nil: log(.warning, "Ignored a call without content of agent \(agent.id)")
    }
  }

  // MARK: Loss

  /// The stream of an agent broke (protocol fact 88).
  func disconnected(_ agent: Agent) {
    guard let stream = agent.stream else { return }
    agentOfStream[stream] = nil
    agent.connection = .disconnected
    agent.generation += 1
    log(.warning, "Agent \(agent.id) (\(agent.info.hostname)) disconnected")
    ledger.setActive(false, agent: agent.slot)
    for number in agent.offers.sorted() { offers[number].map(rescind) }
    for (id, tasks) in agent.tasks.sorted(by: { $0.key < $1.key }) {
      // Without checkpoints its executors end with the agent.
      guard let framework = frameworks[id], !framework.info.checkpoint else { continue }
      condemn(framework: id, on: agent)
      for task in tasks.sorted() {
        lose(
          task, of: framework, on: agent, .taskLost, .agentDisconnected,
          "Agent \(agent.info.hostname) disconnected")
      }
      releaseExecutors(of: framework, on: agent)
    }
    timers.add(
      .reregistration(agent: agent.id, generation: agent.generation),
      at: now.monotonicNs + configuration.agentReregisterTimeoutNs)
  }

  func ping(_ id: String, _ generation: UInt64) {
    guard let agent = agents[id], agent.generation == generation, let stream = agent.stream else { return }
    if agent.pingsUnanswered >= configuration.agentPingLimit {
      agentOfStream[stream] = nil
      effects.append(.close(stream))
      return markUnreachable(agent, "health check timed out")
    }
    agent.pingsUnanswered += 1
    var event = AgentEvent()
    event.ping = AgentEvent.Ping()
    send(event, to: agent)
    timers.add(.ping(agent: id, generation: generation), at: now.monotonicNs + configuration.agentPingIntervalNs)
  }

  func reregistrationTimedOut(_ id: String, _ generation: UInt64) {
    guard let agent = agents[id], agent.generation == generation, agent.stream == nil else { return }
    markUnreachable(agent, "it did not come back in time")
  }

  /// Protocol fact 89: updates, then rescinds, then the failure.
  private func markUnreachable(_ agent: Agent, _ reason: String) {
    log(.warning, "Agent \(agent.id) (\(agent.info.hostname)) is unreachable: \(reason)")
    unreachableAgents[agent.id] = now.epochSeconds
    for (id, tasks) in agent.tasks.sorted(by: { $0.key < $1.key }) {
      guard let framework = frameworks[id] else { continue }
      for task in tasks.sorted() {
        lose(
          task, of: framework, on: agent, .taskUnreachable, .agentRemoved,
          "Agent \(agent.info.hostname) is unreachable: \(reason)")
      }
    }
    loseOperations(on: agent, .operationUnreachable, "Agent was marked unreachable")
    forget(agent)
  }

  /// The agent is gone for good, and its tasks with it.
  func remove(_ agent: Agent, _ reason: String) {
    log(.info, "Agent \(agent.id) (\(agent.info.hostname)) is removed: \(reason)")
    defer { condemned[agent.id] = nil }
    for (id, tasks) in agent.tasks.sorted(by: { $0.key < $1.key }) {
      guard let framework = frameworks[id] else { continue }
      for task in tasks.sorted() {
        lose(
          task, of: framework, on: agent, .taskLost, .agentRemoved,
          "Agent \(agent.info.hostname) removed: \(reason)")
      }
    }
    if let stream = agent.stream {
      agentOfStream[stream] = nil
      effects.append(.close(stream))
    }
    loseOperations(on: agent, .operationUnknown, "Agent \(agent.info.hostname) removed: \(reason)")
    forget(agent)
  }

  private func forget(_ agent: Agent) {
    for number in agent.offers.sorted() { offers[number].map(rescind) }
    for framework in inOrder(frameworks) {
      if framework.agents.contains(agent.id) { releaseExecutors(of: framework, on: agent) }
      releaseCondemned(on: agent, of: framework)
    }
    agent.connection = .disconnected
    agent.generation += 1
    agents[agent.id] = nil
    agentOfSlot[agent.slot] = nil
    if agentOfAddress[agent.address] === agent { agentOfAddress[agent.address] = nil }
    ledger.removeAgent(agent.slot)
    var event = SchedulerEvent()
    event.type = .failure
    event.failure.agentID.value = agent.id
    for framework in inOrder(frameworks) where framework.stream != nil { send(event, to: framework) }
  }

  private func releaseExecutors(of framework: Framework, on agent: Agent) {
    for executor in (agent.executors.removeValue(forKey: framework.id) ?? [:]).values {
      ledger.recover(executor.resources, agent: agent.slot, framework: framework.slot)
    }
    if !agent.hosts(framework.id) { framework.agents.remove(agent.id) }
  }

  /// A task is lost with its agent. A partition-aware framework is told when it may come back.
  func lose(
    _ id: String, of framework: Framework, on agent: Agent, _ state: MesosTaskState,
    _ reason: MesosTaskStatus.Reason, _ message: String
  ) {
    guard var task = framework.tasks[id] else { return }
    if task.state.isTerminal {
      // Its end was known; only the acknowledgement was missing.
      return complete(task, of: framework, on: agent)
    }
    ledger.recover(task.resources, agent: agent.slot, framework: framework.slot)
    framework.tasks[id] = nil
    forget(id, of: framework, on: agent)
    var status = MesosTaskStatus()
    status.taskID.value = id
    status.agentID.value = agent.id
    if let executor = task.executorID { status.executorID.value = executor }
    status.state = state == .taskUnreachable ? framework.state(ifAware: state) : state
    status.source = .master
    status.reason = reason
    status.message = message
    status.timestamp = now.epochSeconds
    if state == .taskUnreachable { status.unreachableTime.nanoseconds = Int64(now.epochSeconds * 1e9) }
    task.record(status, latest: status.state)
    if state == .taskUnreachable {
      framework.unreachableTasks[id] = task
      if let forgotten = framework.unreachableOrder.append(id) { framework.unreachableTasks[forgotten] = nil }
    } else {
      framework.completedTasks.append(task)
    }
    count(status.state)
    send(.update(status), to: framework)
  }
}
