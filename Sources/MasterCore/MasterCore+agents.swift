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
    case .unsubscribe:
      metrics.agentRemovals[.unregistered, default: 0] += 1
      remove(agent, "the agent unregistered")
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
    refreshActivity(agent)
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
    metrics.agentsMarkedUnreachable += 1
    metrics.agentRemovals[.unhealthy, default: 0] += 1
    if var record = agentRecords[agent.id] {
      record.unreachableSince = now.epochSeconds
      // A master that dies before this is written finds out by itself.
      setRecord(of: agent.id, to: record)
    }
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

  /// The agent is no more, and its tasks with it.
  func remove(_ agent: Agent, _ reason: String) {
    log(.info, "Agent \(agent.id) (\(agent.info.hostname)) is removed: \(reason)")
    let message = "Agent \(agent.info.hostname) removed: \(reason)"
    end(agent, message, .agentRemoved, .operationUnknown) { _ in .taskLost }
    setRecord(of: agent.id, to: nil)
  }

  /// An operator says that the agent will not come back (protocol fact 90).
  func goneByOperator(_ agent: Agent) {
    log(.warning, "Agent \(agent.id) (\(agent.info.hostname)) is marked gone")
    send(.with { $0.shutdown.message = "Agent has been marked gone" }, to: agent)
    let message = "Agent \(agent.info.hostname) marked gone by an operator"
    end(agent, message, .agentRemovedByOperator, .operationGoneByOperator) {
      $0.state(ifAware: .taskGoneByOperator)
    }
  }

  private func end(
    _ agent: Agent, _ message: String, _ reason: MesosTaskStatus.Reason, _ operationState: MesosOperationState,
    _ state: (Framework) -> MesosTaskState
  ) {
    defer { condemned[agent.id] = nil }
    for (id, tasks) in agent.tasks.sorted(by: { $0.key < $1.key }) {
      guard let framework = frameworks[id] else { continue }
      for task in tasks.sorted() { lose(task, of: framework, on: agent, state(framework), reason, message) }
    }
    if let stream = agent.stream {
      agentOfStream[stream] = nil
      effects.append(.close(stream))
    }
    loseOperations(on: agent, operationState, message)
    forget(agent)
  }

  private func forget(_ agent: Agent) {
    for number in agent.offers.sorted() { offers[number].map(rescind) }
    forgetInverseOffers(on: agent)
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
    tellRemoved(agent)
    tellFailure(of: agent.id)
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
    if task.record(status, latest: status.state) { tellUpdated(status, of: framework, state: task.state) }
    if state == .taskUnreachable {
      framework.unreachableTasks[id] = task
      if let forgotten = framework.unreachableOrder.append(id) { framework.unreachableTasks[forgotten] = nil }
    } else {
      framework.completedTasks.append(task)
    }
    count(status, of: framework)
    send(.update(status), to: framework)
  }
}
