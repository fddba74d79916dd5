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
    if executor.isCommandTask {
      let policy = kill.hasKillPolicy ? kill.killPolicy : task.info.killPolicy
      killCommand(of: executor, graceNs: Self.graceNs(policy))
    } else if let index = executor.queue.firstIndex(where: { $0.contains { $0 === task } }) {
      killQueued(at: index, of: executor)
    } else {
      forward(kill, to: executor)
    }
  }

  private static func graceNs(_ policy: MesosKillPolicy) -> Int64 {
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

  // MARK: Command tasks

  /// Asks the command to end and sets the time after which it is made to (protocol fact 81).
  mutating func killCommand(of executor: Executor, graceNs: Int64, completionTimeReached: Bool = false) {
    guard let task = executor.commandTask, !task.isTerminal, !executor.hasExited else { return }
    let (end, overflow) = now.addingReportingOverflow(graceNs)
    let deadlineNs = overflow ? Int64.max : end
    let isRepeated = executor.kill != nil
    if let kill = executor.kill {
      guard deadlineNs < kill.deadlineNs else { return }
      executor.kill?.deadlineNs = deadlineNs
    } else {
      executor.kill = Executor.Kill(deadlineNs: deadlineNs, completionTimeReached: completionTimeReached)
    }
    persistProgress(of: task)
    // A container that is being launched is destroyed when the launch is answered.
    guard executor.pid != nil else { return }
    if !isRepeated {
      if !completionTimeReached && executor.framework.has(.taskKillingState) {
        report(task, .taskKilling, source: .executor)
      }
      emit(.signal(containerID: executor.containerID, signal: Self.sigterm))
    }
    timers.set(.killGrace(executor.containerID), at: deadlineNs)
  }

  mutating func completionTimeReached(_ containerID: String) {
    guard let executor = containers[containerID], let task = executor.commandTask else { return }
    log(.info, "Ending task '\(task.id)' of framework \(executor.framework.id): its max_completion_time is over")
    killCommand(of: executor, graceNs: Self.graceNs(task.info.killPolicy), completionTimeReached: true)
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
    if let task = executor.commandTask {
      let graceNs = Self.graceNs(task.info.killPolicy)
      if task.isTerminal { destroyContainer(executor.containerID) } else { killCommand(of: executor, graceNs: graceNs) }
      return
    }
    timers.cancel(.registration(executor.containerID))
    guard let stream = executor.stream else {
      // Nobody hears a SHUTDOWN.
      destroyContainer(executor.containerID)
      return
    }
    sendShutdown(to: stream)
    timers.set(.shutdownGrace(executor.containerID), at: now + shutdownGraceNs(of: executor))
  }

  mutating func sendShutdown(to stream: ExchangeID) {
    let event = ExecutorEvent.with { $0.type = .shutdown }
    emit(.sendToExecutor(stream, event))
  }

  mutating func destroyContainer(_ containerID: String) {
    guard let executor = containers[containerID], !executor.isDestroyed else { return }
    executor.isDestroyed = true
    if executor.pid != nil { emit(.destroy(containerID: containerID)) }
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
