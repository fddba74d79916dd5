import Wire

extension MasterCore {
  /// Checks a call in the order of protocol fact 20, answers it, and does what it says.
  func handle(_ call: SchedulerCall, from connection: ConnectionID, streamID: String?) {
    if let problem = call.problem {
      return respond(connection, 400, "Failed to validate scheduler::Call: \(problem)")
    }
    if call.type == .subscribe {
      guard streamID == nil else {
        return respond(connection, 400, "Subscribe calls should not include the 'Mesos-Stream-Id' header")
      }
      return subscribe(call.subscribe, from: connection)
    }
    guard let framework = frameworks[call.frameworkID.value] else {
      return respond(connection, 400, "Framework cannot be found")
    }
    guard case .connected(_, let ownStreamID) = framework.connection else {
      return respond(connection, 403, "Framework is not subscribed")
    }
    guard let streamID else {
      return respond(connection, 400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header")
    }
    guard streamID == ownStreamID else {
      return respond(
        connection, 400,
        "The stream ID '\(streamID)' included in this request didn't match "
          + "the stream ID currently associated with framework ID \(framework.id)")
    }
    metrics.calls[call.type, default: 0] += 1
    framework.metrics.calls[call.type, default: 0] += 1
    switch call.type {
    case .unknown, .subscribe: respond(connection, 501)
    case .updateFramework: updateFramework(call.updateFramework, of: framework, from: connection)
    default:
      // Protocol fact 26: accepted, whatever comes of it.
      respond(connection, 202)
      apply(call, of: framework)
    }
  }

  private func apply(_ call: SchedulerCall, of framework: Framework) {
    switch call.type {
    case .teardown: remove(framework)
    case .accept: accept(call.accept, of: framework)
    case .decline: decline(call.decline, of: framework)
    case .acceptInverseOffers: accept(call.acceptInverseOffers, of: framework)
    case .declineInverseOffers: decline(call.declineInverseOffers, of: framework)
    case .revive: revive(call.revive.roles, of: framework)
    case .suppress: suppress(call.suppress.roles, of: framework)
    case .kill: kill(call.kill, of: framework)
    case .shutdown: shutdown(call.shutdown, of: framework)
    case .acknowledge: acknowledge(call.acknowledge, of: framework)
    case .reconcile: reconcile(call.reconcile, of: framework)
    case .reconcileOperations: reconcile(call.reconcileOperations, of: framework)
    case .message: deliver(call.message, of: framework)
    case .request:
      log(.debug, "Framework \(framework.id) requests resources; policies see what it is offered instead")
    case .acknowledgeOperationStatus: acknowledge(call.acknowledgeOperationStatus, of: framework)
    case .unknown, .subscribe, .updateFramework: break
    }
  }

  private func revive(_ roles: [String], of framework: Framework) {
    if let roles = known(roles, of: framework, call: "REVIVE") {
      ledger.revive(framework: framework.slot, roles: roles)
      inverseOffers.removeFilters(of: framework.id)
    }
  }

  private func suppress(_ roles: [String], of framework: Framework) {
    if let roles = known(roles, of: framework, call: "SUPPRESS") {
      ledger.suppress(framework: framework.slot, roles: roles)
    }
  }

  /// The roles that a call means, all when it names none; nil when it names one that the framework does not have.
  private func known(_ roles: [String], of framework: Framework, call: String) -> [String]? {
    if roles.isEmpty { return framework.roles }
    if let other = roles.first(where: { !framework.roles.contains($0) }) {
      log(.warning, "Dropped \(call) of framework \(framework.id): it does not have the role '\(other)'")
      return nil
    }
    return roles
  }

  private func shutdown(_ call: SchedulerCall.Shutdown, of framework: Framework) {
    guard let agent = agents[call.agentID.value],
      agent.executors[framework.id]?[call.executorID.value] != nil || agent.tasks[framework.id] != nil
    else {
      return log(.warning, "Dropped SHUTDOWN of framework \(framework.id): no executor \(call.executorID.value)")
    }
    var event = AgentEvent()
    event.shutdownExecutor.frameworkID.value = framework.id
    event.shutdownExecutor.executorID = call.executorID
    send(event, to: agent)
  }

  private func deliver(_ call: SchedulerCall.Message, of framework: Framework) {
    guard let agent = agents[call.agentID.value], agent.stream != nil else {
      metrics.droppedMessages += 1
      return log(.warning, "Dropped MESSAGE of framework \(framework.id): no agent \(call.agentID.value)")
    }
    var event = AgentEvent()
    event.message.frameworkID.value = framework.id
    event.message.executorID = call.executorID
    event.message.data = call.data
    metrics.messagesToExecutors += 1
    send(event, to: agent)
  }
}
