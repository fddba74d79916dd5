import Wire

/// Ending one task or one executor.
extension AgentCore {
  static var sigterm: Int32 { 15 }

  mutating func kill(_ kill: AgentEvent.Kill) {
    guard let framework = frameworks[kill.frameworkID.value] else {
      log(.warning, "Ignoring a kill of task '\(kill.taskID.value)': framework \(kill.frameworkID.value) is not here")
      return
    }
    guard let task = framework.tasks[kill.taskID.value] else {
      // Protocol fact 79.
      refuse(
        kill.taskID, of: framework, state: framework.stateOfDropped, reason: .executorTerminated,
        "Cannot find executor")
      return
    }
    guard !task.isTerminal else { return }
    let executor = task.executor
    if let index = executor.queue.firstIndex(where: { $0.contains { $0 === task } }) {
      killQueued(at: index, of: executor)
    } else if task.container != nil {
      let policy = kill.hasKillPolicy ? kill.killPolicy : task.info.killPolicy
      killCommand(of: task, graceNs: Self.graceNs(policy))
    } else {
      forward(kill, to: executor)
    }
  }

  static func graceNs(_ policy: MesosKillPolicy) -> Int64 {
    policy.hasGracePeriod ? max(0, policy.gracePeriod.nanoseconds) : ProtocolTime.killGraceNs
  }

  /// Protocol fact 79: a task that was not delivered, and with it its group.
  private mutating func killQueued(at index: Int, of executor: Executor) {
    for task in executor.queue.remove(at: index) {
      report(
        task, .taskKilled, source: .agent, reason: .taskKilledDuringLaunch,
        message: "Killed before delivery to the executor")
    }
    // Protocol fact 80: an executor that lost all its first tasks has nothing to do.
    if executor.liveTasks == 0 && !executor.hasSubscribed { shutDown(executor) }
  }

  private mutating func forward(_ kill: AgentEvent.Kill, to executor: Executor) {
    var event = ExecutorEvent.Kill()
    event.taskID = kill.taskID
    if kill.hasKillPolicy { event.killPolicy = kill.killPolicy }
    guard let stream = executor.stream else {
      executor.heldKills.append(event)
      return
    }
    send(event, to: stream)
  }

  mutating func send(_ kill: ExecutorEvent.Kill, to stream: ExchangeID) {
    let event = ExecutorEvent.with {
      $0.type = .kill
      $0.kill = kill
    }
    emit(.sendToExecutor(stream, event))
  }

  // MARK: Tasks that the agent runs itself

  /// Asks the command to end and sets the time after which it is made to (protocol fact 81).
  mutating func killCommand(of task: AgentTask, graceNs: Int64, _ cause: AgentTask.Kill.Cause = .wanted) {
    guard let container = task.container, !task.isTerminal, !container.hasExited else { return }
    let (end, overflow) = now.addingReportingOverflow(graceNs)
    let deadlineNs = overflow ? Int64.max : end
    let isRepeated = task.kill != nil
    if let kill = task.kill {
      guard deadlineNs < kill.deadlineNs else { return }
      task.kill?.deadlineNs = deadlineNs
    } else {
      task.kill = AgentTask.Kill(deadlineNs: deadlineNs, cause: cause)
      stopChecks(of: task)
    }
    persistProgress(of: task)
    // A container that is being launched is destroyed when the launch is answered.
    guard container.pid != nil else {
      if !isRepeated { emit(.cancelLaunch(containerID: container.id)) }
      return
    }
    if !isRepeated {
      if cause != .completionTime && task.executor.framework.has(.taskKillingState) {
        report(task, .taskKilling, source: .executor)
      }
      emit(.signal(containerID: container.id, signal: Self.sigterm))
    }
    timers.set(.killGrace(container.id), at: deadlineNs)
  }

  mutating func completionTimeReached(_ containerID: String) {
    guard let task = task(in: containerID) else { return }
    log(.info, "Ending task '\(task.id)' of framework \(task.executor.framework.id): its max_completion_time is over")
    killCommand(of: task, graceNs: Self.graceNs(task.info.killPolicy), .completionTime)
  }

  // MARK: Executors

  /// Asks an executor to end and sets the time after which it is made to (protocol fact 103).
  mutating func shutDown(_ executor: Executor) {
    guard !executor.hasExited, !executor.isTerminating else { return }
    executor.isTerminating = true
    for task in executor.queue.joined() {
      report(
        task, .taskKilled, source: .agent, reason: .taskKilledDuringLaunch,
        message: "Executor was shut down before delivery")
    }
    executor.queue = []
    if executor.isPlayed { return shutDownPlayed(executor) }
    timers.cancel(.registration(executor.containerID))
    guard let stream = executor.stream else {
      // Nobody hears a SHUTDOWN.
      destroyContainer(executor.containerID)
      return
    }
    sendShutdown(to: stream)
    timers.set(.shutdownGrace(executor.containerID), at: now + shutdownGraceNs(of: executor))
  }

  private mutating func shutDownPlayed(_ executor: Executor) {
    for task in executor.orderedTasks { killCommand(of: task, graceNs: Self.graceNs(task.info.killPolicy)) }
    if executor.isPod {
      timers.set(.shutdownGrace(executor.containerID), at: now + shutdownGraceNs(of: executor))
      endIfDone(executor)
    } else if executor.liveTasks == 0 {
      destroyContainer(executor.containerID)
    }
  }

  mutating func sendShutdown(to stream: ExchangeID) {
    let event = ExecutorEvent.with { $0.type = .shutdown }
    emit(.sendToExecutor(stream, event))
  }

  mutating func destroyContainer(_ containerID: String) {
    guard let container = container(containerID), !container.isDestroyed else { return }
    container.isDestroyed = true
    if let task = task(in: containerID) { stopChecks(of: task) }
    if container.pid != nil {
      emit(.destroy(containerID: containerID))
    } else {
      emit(.cancelLaunch(containerID: containerID))
    }
  }

  mutating func shutDownFramework(_ id: String) {
    guard let framework = frameworks[id] else { return }
    log(.info, "Shutting down framework \(id)")
    framework.isTerminating = true
    for executor in inOrder(framework.executors) {
      shutDown(executor)
      dropUpdates(of: executor)
    }
  }

  /// Nobody waits for the updates of a removed framework; what is over goes at once.
  mutating func dropUpdates(of executor: Executor) {
    for task in inOrder(executor.tasks) where task.isTerminal { retire(task) }
    retireIfDone(executor)
  }
}
