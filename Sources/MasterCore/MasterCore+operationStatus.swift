import Resources
import Wire

/// What becomes of operations: told by their agents, passed on to frameworks, acknowledged by those.
extension MasterCore {
  /// The end of an operation, from its agent.
  func update(_ call: AgentCall.OperationUpdate, from agent: Agent) {
    metrics.operationUpdates += 1
    let uuid = OperationUUID(call.operationUuid)
    if !call.correctedTotal.isEmpty { correct(agent, call.correctedTotal, without: uuid) }
    guard let operation = operations[uuid], operation.agentID == agent.id else {
      return acknowledge(uuid, call.status, on: agent)
    }
    var status = call.status
    if operation.info.hasID { status.operationID = operation.info.id }
    status.agentID.value = agent.id
    if operation.status.state != status.state {
      if status.state.isTerminal { metrics.count(status.state, of: operation.info.type) }
      log(
        status.state == .operationFinished ? .debug : .warning,
        "\(operation.info.type) on agent \(agent.id): \(status.state) \(status.message)")
    }
    operations.set(status, of: uuid)
    tell(status, of: uuid, on: agent)
  }

  /// Tells a framework of a status that it will acknowledge. What nobody waits for is acknowledged here.
  private func tell(_ status: MesosOperationStatus, of uuid: OperationUUID, on agent: Agent) {
    guard let operation = operations[uuid] else { return }
    guard operation.feedbackID != nil, let id = operation.frameworkID, mayWait(id) else {
      acknowledge(uuid, status, on: agent)
      if status.state.isTerminal { operations.remove(uuid) }
      return
    }
    // A framework that is yet to come back gets it when the agent sends it again.
    if let framework = frameworks[id] { send(.operation(status), to: framework) }
  }

  /// Whether a framework is to be told, now or when it comes back. One that this master has never seen may still be on its
  /// way from another master, for as long as agents are.
  private func mayWait(_ framework: String) -> Bool {
    if completedFrameworkIDs.contains(framework) { return false }
    return frameworks[framework] != nil
      || now.monotonicNs < started.monotonicNs + configuration.agentReregisterTimeoutNs
  }

  private func acknowledge(_ uuid: OperationUUID, _ status: MesosOperationStatus, on agent: Agent) {
    guard status.hasUuid else { return }
    var event = AgentEvent()
    event.acknowledgeOperation.operationUuid = .init(uuid.bytes)
    event.acknowledgeOperation.statusUuid = status.uuid.value
    send(event, to: agent)
  }

  func acknowledge(_ call: SchedulerCall.AcknowledgeOperationStatus, of framework: Framework) {
    let id = call.operationID.value
    guard let agent = agents[call.agentID.value], agent.stream != nil,
      let operation = operations.operation(id, of: framework.id), operation.agentID == agent.id,
      operation.status.uuid.value == call.uuid
    else {
      metrics.droppedMessages += 1
      return log(
        .warning,
        "Dropped the acknowledgement of operation '\(id)' of framework \(framework.id): there is no such status")
    }
    metrics.operationAcknowledgements += 1
    acknowledge(operation.uuid, operation.status, on: agent)
    if operation.status.state.isTerminal { operations.remove(operation.uuid) }
  }

  /// An agent has other resources than was taken for granted: an operation failed there. Those that are still on their
  /// way to it are counted as done. Offers may hold what is not there, so they are taken back.
  private func correct(_ agent: Agent, _ total: [MesosResource], without failed: OperationUUID) {
    var totals: Resources
    do { totals = try Resources(wire: total) } catch {
      return log(.error, "Agent \(agent.id) reports resources that make no sense: \(error)")
    }
    for operation in operations.operations(on: agent.id)
    where operation.uuid != failed && !operation.status.state.isTerminal {
      guard let pending = try? ResourceOperation(wire: operation.info),
        let converted = try? totals.applying(pending.conversions)
      else { continue }
      totals = converted
    }
    guard totals != agent.totals else { return }
    log(.warning, "Agent \(agent.id) could not do what was taken for granted; it has \(totals)")
    agent.totals = totals
    for number in agent.offers.sorted() { offers[number].map(rescind) }
    ledger.setTotal(totals, of: agent.slot)
  }

  // MARK: Agents that come and go

  /// What an agent that subscribes knows of operations. Those that never arrived there did nothing.
  func restore(_ reported: [AgentCall.Operation], on agent: Agent) {
    let known = Set(reported.map { OperationUUID($0.uuid) })
    for operation in operations.operations(on: agent.id) where !known.contains(operation.uuid) {
      if !operation.status.state.isTerminal {
        tellEnd(of: operation, .operationDropped, "Reconciliation: Operation is unknown to the agent")
      }
      operations.remove(operation.uuid)
    }
    for operation in reported {
      let uuid = OperationUUID(operation.uuid)
      guard operations[uuid] == nil else { continue }
      operations.add(
        uuid, agent: agent.id, framework: operation.hasFrameworkID ? operation.frameworkID.value : nil,
        info: operation.info, status: operation.status)
    }
  }

  /// The operations on an agent that is lost go with it; if it comes back it brings them along.
  func loseOperations(on agent: Agent, _ state: MesosOperationState, _ message: String) {
    for operation in operations.operations(on: agent.id) {
      tellEnd(of: operation, state, message)
      operations.remove(operation.uuid)
    }
  }

  /// Nobody acknowledges this one.
  private func tellEnd(of operation: MasterOperation, _ state: MesosOperationState, _ message: String) {
    if state.isTerminal, !operation.status.state.isTerminal { metrics.count(state, of: operation.info.type) }
    guard let id = operation.feedbackID, let framework = operation.frameworkID.flatMap({ frameworks[$0] }) else {
      return
    }
    var status = MesosOperationStatus()
    status.operationID.value = id
    status.state = state
    status.message = message
    status.agentID.value = operation.agentID
    send(.operation(status), to: framework)
  }

  // MARK: Reconciliation

  /// Protocol fact 87, with Mesos' texts.
  func reconcile(_ call: SchedulerCall.ReconcileOperations, of framework: Framework) {
    if call.operations.isEmpty {
      for operation in operations.operations(of: framework.id) { tellLatest(operation, framework) }
    }
    for question in call.operations {
      if let operation = operations.operation(question.operationID.value, of: framework.id) {
        tellLatest(operation, framework)
        continue
      }
      let agentID = question.hasAgentID ? question.agentID.value : nil
      let (state, message) = answer(ofOperationOn: agentID, framework)
      var status = MesosOperationStatus()
      status.operationID = question.operationID
      status.state = state
      status.message = "Reconciliation: \(message)"
      if let agentID { status.agentID.value = agentID }
      if question.hasResourceProviderID { status.resourceProviderID = question.resourceProviderID }
      send(.operation(status), to: framework)
    }
  }

  private func tellLatest(_ operation: MasterOperation, _ framework: Framework) {
    var status = operation.status
    // Sent once only, so there is nothing to acknowledge.
    status.clearUuid()
    send(.operation(status), to: framework)
  }

  private func answer(
    ofOperationOn agentID: String?, _ framework: Framework
  ) -> (MesosOperationState, String) {
    guard let agentID else { return (.operationUnknown, "Operation is unknown and no 'agent_id' was provided") }
    if agents[agentID] != nil { return (.operationUnknown, "Operation is unknown") }
    if agentRecords[agentID]?.hasUnreachableSince ?? false { return (.operationUnreachable, "Agent is unreachable") }
    if agentRecords[agentID]?.hasGoneSince ?? false {
      return (.operationGoneByOperator, "Agent marked gone by operator")
    }
    if mayComeBack(agentID, framework) {
      return (.operationRecovering, "Agent is recovered but has not re-registered")
    }
    return (.operationUnknown, "Both operation and agent are unknown")
  }
}

extension SchedulerEvent {
  static func operation(_ status: MesosOperationStatus) -> SchedulerEvent {
    var event = SchedulerEvent()
    event.type = .updateOperationStatus
    event.updateOperationStatus.status = status
    return event
  }
}
