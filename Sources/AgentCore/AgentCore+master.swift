import Wire

/// The link to the master.
extension AgentCore {
  mutating func handle(_ event: AgentEvent) {
    lastHeardNs = now
    switch event.event {
    case .subscribed(let subscribed): self.subscribed(subscribed)
    case .run(let run): self.run(run)
    case .kill(let kill): self.kill(kill)
    case .acknowledge(let acknowledgement): acknowledge(acknowledgement)
    case .message(let message): deliver(message)
    case .shutdownExecutor(let shutdown):
      if let executor = frameworks[shutdown.frameworkID.value]?.executors[shutdown.executorID.value] {
        shutDown(executor)
      }
    case .shutdownFramework(let shutdown): shutDownFramework(shutdown.frameworkID.value)
    case .updateFramework(let update):
      guard let framework = frameworks[update.frameworkInfo.id.value] else { return }
      framework.info = update.frameworkInfo
      persist(framework)
    case .applyOperation(let operation): apply(operation)
    case .acknowledgeOperation(let acknowledgement): acknowledge(acknowledgement)
    case .ping: tellMaster(.pong(.init()))
    case .shutdown(let shutdown): end(reason: "the master told the agent to shut down: \(shutdown.message)")
    case nil: log(.warning, "Ignoring an event of the master that this agent does not know")
    }
  }

  mutating func subscribe() {
    var call = AgentCall()
    if let agentID { call.agentID = .with { $0.value = agentID } }
    call.subscribe = .with {
      $0.agentInfo = describedInfo()
      $0.version = configuration.version
      $0.address = configuration.address
      $0.restarted = !hasSubscribed
      $0.operations = describedOperations()
      for framework in frameworks.values.sorted(by: { $0.id < $1.id }) where !framework.isTerminating {
        $0.frameworks.append(framework.info)
        for executor in framework.executors.values.sorted(by: { $0.id < $1.id }) {
          if !executor.hasExited { $0.executors.append(described(executor)) }
          $0.tasks += executor.orderedTasks.map { $0.described() }
        }
      }
    }
    master = .subscribing(exited: [])
    emit(.subscribe(call))
  }

  private func described(_ executor: Executor) -> AgentCall.Executor {
    .with {
      $0.frameworkID = executor.frameworkID
      $0.executorInfo = executor.info
      $0.commandTask = executor.isCommandTask
    }
  }

  private mutating func subscribed(_ subscribed: AgentEvent.Subscribed) {
    let id = subscribed.agentID.value
    if let agentID, agentID != id {
      end(reason: "the master knows agent \(agentID) no more and gave it the new id \(id)")
      return
    }
    if agentID == nil {
      agentID = id
      emit(.persist(key: CheckpointKey.agent, value: Array(id.utf8)))
    }
    log(.info, "Subscribed to the master as agent \(id)")
    var exited: [AgentCall] = []
    if case .subscribing(let held) = master { exited = held }
    let interval = subscribed.pingIntervalSeconds.isFinite ? min(max(subscribed.pingIntervalSeconds, 1), 3600) : 15
    let silenceNs = Int64(interval * ProtocolTime.missedPings * 1e9)
    master = .subscribed(silenceNs: silenceNs)
    masterHostname = subscribed.masterInfo.hostname
    hasSubscribed = true
    timers.set(.masterSilence, at: now + silenceNs)
    for call in exited { emit(.sendToMaster(call)) }
    resendUpdates()
    resendOperations()
  }

  mutating func masterDisconnected() {
    master = .disconnected
    timers.cancel(.masterSilence)
    for key in operations.keys { timers.cancel(.operationRetry(key)) }
    for framework in frameworks.values {
      for task in framework.tasks.values { timers.cancel(.updateRetry(framework: framework.id, task: task.id)) }
    }
  }

  mutating func checkMasterSilence() {
    guard case .subscribed(let silenceNs) = master else { return }
    if now - lastHeardNs < silenceNs {
      timers.set(.masterSilence, at: lastHeardNs + silenceNs)
    } else {
      emit(.dropMaster(reason: "nothing was heard of the master for \(silenceNs / 1_000_000_000) seconds"))
    }
  }

  private mutating func deliver(_ message: AgentEvent.Message) {
    let executor = frameworks[message.frameworkID.value]?.executors[message.executorID.value]
    guard let executor, let stream = executor.stream, !executor.isTerminating else {
      counters.invalidFrameworkMessages += 1
      log(.warning, "Dropping a message for executor '\(message.executorID.value)': it is not subscribed")
      return
    }
    counters.validFrameworkMessages += 1
    let event = ExecutorEvent.with {
      $0.type = .message
      $0.message.data = message.data
    }
    emit(.sendToExecutor(stream, event))
  }
}
