import Wire

/// The executor API, after method, content type and parsing (protocol fact 95).
extension AgentCore {
  mutating func handle(_ call: ExecutorCall, _ exchange: ExchangeID) {
    if let problem = ExecutorCallCheck.problem(of: call) {
      emit(.respond(exchange, status: 400, text: "Failed to validate Executor::Call: \(problem)"))
      return
    }
    guard call.type != .heartbeat else {
      emit(.respond(exchange, status: 202, text: ""))
      return
    }
    guard let framework = frameworks[call.frameworkID.value] else {
      emit(.respond(exchange, status: 400, text: "Framework cannot be found"))
      return
    }
    guard let executor = framework.executors[call.executorID.value], !executor.isPlayed else {
      emit(.respond(exchange, status: 400, text: "Executor cannot be found"))
      return
    }
    if call.type == .subscribe {
      subscribe(executor, call.subscribe, exchange)
      return
    }
    guard executor.stream != nil else {
      emit(.respond(exchange, status: 403, text: "Executor is not subscribed"))
      return
    }
    emit(.respond(exchange, status: 202, text: ""))
    if call.type == .update {
      take(call.update.status, from: executor)
    } else {
      counters.validFrameworkMessages += 1
      tellMaster(
        .message(
          .with {
            $0.frameworkID = call.frameworkID
            $0.executorID = call.executorID
            $0.data = call.message.data
          }))
    }
  }

  private mutating func subscribe(
    _ executor: Executor, _ subscribe: ExecutorCall.Subscribe, _ exchange: ExchangeID
  ) {
    emit(.openStream(exchange))
    // Protocol fact 99.
    if executor.isTerminating || executor.container.isDestroyed || executor.hasExited
      || executor.framework.isTerminating
    {
      sendShutdown(to: exchange)
      emit(.closeStream(exchange))
      return
    }
    closeStream(of: executor)
    executor.stream = exchange
    executor.hasSubscribed = true
    streams[exchange] = executor
    timers.cancel(.registration(executor.containerID))
    timers.set(.heartbeat(executor.containerID), at: now + ProtocolTime.executorHeartbeatNs)

    // The order is that of protocol fact 97, but SUBSCRIBED goes first: executors take no event before it.
    sendSubscribed(to: executor, exchange)
    for update in subscribe.unacknowledgedUpdates where ExecutorCallCheck.problem(of: update.status) == nil {
      take(update.status, from: executor)
    }
    dropUnknownTasks(of: executor, known: Set(subscribe.unacknowledgedTasks.map(\.taskID.value)))
    resize(executor)
    let queue = executor.queue
    executor.queue = []
    for batch in queue { deliver(batch, to: executor) }
    for kill in executor.heldKills { send(kill, to: exchange) }
    executor.heldKills = []
  }

  private mutating func sendSubscribed(to executor: Executor, _ exchange: ExchangeID) {
    var event = ExecutorEvent()
    event.type = .subscribed
    event.subscribed.executorInfo = executor.info
    event.subscribed.frameworkInfo = executor.framework.info
    event.subscribed.agentInfo = describedInfo()
    event.subscribed.containerID.value = executor.containerID
    emit(.sendToExecutor(exchange, event))
  }

  /// A task that was given to the executor, and of which the executor knows nothing, got lost on the way.
  private mutating func dropUnknownTasks(of executor: Executor, known: Set<String>) {
    for task in executor.orderedTasks
    where task.isDelivered && task.state == .taskStaging && !known.contains(task.id) {
      report(
        task, executor.framework.stateOfDropped, source: .agent, reason: .agentRestarted,
        message: "Task launched during agent restart")
    }
  }

  /// An update of an executor. Whatever becomes of it, the executor may forget it.
  private mutating func take(_ status: MesosTaskStatus, from executor: Executor) {
    if let task = executor.tasks[status.taskID.value] {
      if task.isTerminal || task.updates.contains(uuid: [UInt8](status.uuid)) {
        log(.debug, "Ignoring an update for task '\(task.id)': the task is over, or the update was here before")
      } else {
        counters.validStatusUpdates += 1
        executor.queue.removeAll { $0.contains { $0 === task } }
        report(task, status)
        if executor.framework.isTerminating { dropUpdates(of: executor) }
      }
    } else {
      counters.invalidStatusUpdates += 1
      log(.warning, "Ignoring an update for task '\(status.taskID.value)': executor '\(executor.id)' has no such task")
    }
    guard let stream = executor.stream else { return }
    var event = ExecutorEvent()
    event.type = .acknowledged
    event.acknowledged.taskID = status.taskID
    event.acknowledged.uuid = status.uuid
    emit(.sendToExecutor(stream, event))
  }

  mutating func heartbeat(_ containerID: String) {
    guard let stream = containers[containerID]?.stream else { return }
    let event = ExecutorEvent.with { $0.type = .heartbeat }
    emit(.sendToExecutor(stream, event))
    timers.set(.heartbeat(containerID), at: now + ProtocolTime.executorHeartbeatNs)
  }

  mutating func streamClosed(_ exchange: ExchangeID) {
    guard let executor = streams.removeValue(forKey: exchange) else { return }
    executor.stream = nil
    timers.cancel(.heartbeat(executor.containerID))
    log(.info, "Executor '\(executor.id)' of framework \(executor.framework.id) disconnected")
  }

  mutating func closeStream(of executor: Executor) {
    guard let stream = executor.stream else { return }
    executor.stream = nil
    streams[stream] = nil
    timers.cancel(.heartbeat(executor.containerID))
    emit(.closeStream(stream))
  }

  /// Protocol fact 101.
  mutating func registrationTimedOut(_ containerID: String) {
    let text = timeoutText(configuration.executorRegistrationTimeoutNs)
    endUnsubscribed(
      containerID,
      Executor.Termination(
        state: .taskFailed, reason: .executorRegistrationTimeout, message: "Executor did not register within \(text)"))
  }

  /// Protocol fact 104.
  mutating func reregistrationTimedOut() {
    let text = timeoutText(configuration.executorReregistrationTimeoutNs)
    for executor in inOrder(containers) where executor.isRecovered && !executor.isPlayed {
      endUnsubscribed(
        executor.containerID,
        Executor.Termination(
          state: executor.framework.stateOfGone, reason: .executorReregistrationTimeout,
          message: "Executor did not re-register within \(text)"))
    }
  }

  private mutating func endUnsubscribed(_ containerID: String, _ termination: Executor.Termination) {
    guard let executor = containers[containerID], !executor.hasSubscribed, !executor.isTerminating else { return }
    log(.warning, "Ending executor '\(executor.id)' of framework \(executor.framework.id): \(termination.message)")
    executor.isTerminating = true
    executor.termination = termination
    destroyContainer(containerID)
  }
}
