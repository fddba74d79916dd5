import Resources
import Wire

/// What containment tells of containers.
extension AgentCore {
  func container(_ id: String) -> Container? { containers[id]?.container ?? nested[id]?.container }

  /// The task whose command runs in a container.
  func task(in id: String) -> AgentTask? { containers[id]?.commandTask ?? nested[id] }

  mutating func containerLaunched(_ id: String, pid: Int32) {
    guard let container = container(id) else { return }
    container.state = .running(pid: pid)
    let task = task(in: id)
    if container.isDestroyed || task?.kill != nil {
      container.isDestroyed = true
      emit(.destroy(containerID: id))
    } else if let task {
      reportRunning(task)
      startChecks(of: task)
    } else if let executor = containers[id], executor.isPod {
      podRuns(executor)
    } else if let executor = containers[id], !executor.hasSubscribed {
      // Not from the launch on as in protocol fact 101, where slow fetches look like executors that hang.
      timers.set(.registration(id), at: now + configuration.executorRegistrationTimeoutNs)
    }
  }

  /// STARTING of a command task comes with RUNNING, not before the launch: a task that fails to launch shows neither
  /// (exchange 126 of a real Mesos).
  private mutating func reportRunning(_ task: AgentTask) {
    if task.state == .taskStaging { report(task, .taskStarting, source: .executor) }
    report(task, .taskRunning, source: .executor)
    if task.hasChecks {
      task.startedNs = now
      persistProgress(of: task)
    }
    guard task.info.hasMaxCompletionTime, let container = task.container else { return }
    let (end, overflow) = now.addingReportingOverflow(max(0, task.info.maxCompletionTime.nanoseconds))
    if !overflow { timers.set(.completion(container.id), at: end) }
  }

  mutating func containerLaunchFailed(_ id: String, message: String) {
    if let task = nested[id] { return nestedLaunchFailed(task, message: message) }
    guard let executor = containers[id] else { return }
    // Nobody wants it any more, which may be why it failed.
    let isUnwanted = executor.commandTask?.kill != nil || executor.container.isDestroyed
    if !isUnwanted {
      log(.warning, "Cannot launch executor '\(executor.id)' of framework \(executor.framework.id): \(message)")
      counters.containerLaunchErrors += 1
    }
    if executor.termination == nil && !isUnwanted {
      executor.termination = Executor.Termination(
        state: .taskFailed, reason: .containerLaunchFailed, message: "Failed to launch container: \(message)")
    }
    ended(executor, ContainerOutcome(waitStatus: nil))
  }

  private mutating func nestedLaunchFailed(_ task: AgentTask, message: String) {
    if task.kill != nil {
      reportKilledDuringLaunch(task)
      return nestedEnded(task)
    }
    log(.warning, "Cannot launch task '\(task.id)' of framework \(task.executor.framework.id): \(message)")
    counters.containerLaunchErrors += 1
    report(
      task, .taskFailed, source: .agent, reason: .containerLaunchFailed,
      message: "Failed to launch container: \(message)")
    nestedEnded(task)
  }

  mutating func containerRecovered(_ id: String, pid: Int32?) {
    guard let container = container(id) else { return }
    guard let pid else {
      container.isMissing = true
      return
    }
    container.state = .running(pid: pid)
    if let executor = containers[id] {
      log(.info, "Recovered executor '\(executor.id)' of framework \(executor.framework.id)")
    }
    if container.isDestroyed {
      emit(.destroy(containerID: id))
    } else if let task = task(in: id) {
      if !task.hasRun && task.kill == nil { reportRunning(task) }
      resumeDeadlines(of: task)
      startChecks(of: task)
    } else if let executor = containers[id], executor.isPod {
      podRuns(executor)
    }
  }

  /// Kill and completion time of a command that a restart interrupted.
  private mutating func resumeDeadlines(of task: AgentTask) {
    guard let container = task.container else { return }
    if let kill = task.kill {
      // The signal may not have gone out; a second one does no harm.
      emit(.signal(containerID: container.id, signal: Self.sigterm))
      timers.set(.killGrace(container.id), at: kill.deadlineNs)
    } else if task.info.hasMaxCompletionTime, let startedNs = startedNs(of: task) {
      let (end, overflow) = startedNs.addingReportingOverflow(max(0, task.info.maxCompletionTime.nanoseconds))
      if !overflow { timers.set(.completion(container.id), at: end) }
    }
  }

  /// What checks tell takes the place of the first RUNNING, so with them the time has a record of its own.
  func startedNs(of task: AgentTask) -> Int64? {
    if let startedNs = task.startedNs { return startedNs }
    guard let running = task.statuses.first(where: { $0.state == .taskRunning }) else { return nil }
    return Int64(exactly: (running.timestamp * 1e9).rounded())
  }

  mutating func containerExited(_ id: String, _ outcome: ContainerOutcome) {
    if let task = nested[id] {
      endCommand(task, outcome)
      nestedEnded(task)
    } else if let executor = containers[id] {
      ended(executor, outcome)
    }
  }

  mutating func ended(_ executor: Executor, _ outcome: ContainerOutcome) {
    if holdEnd(of: executor, outcome) { return }
    if let task = executor.commandTask {
      endCommand(task, outcome)
    } else {
      for task in executor.orderedTasks where !task.isTerminal { endWithExecutor(task, outcome) }
    }
    leave(executor, waitStatus: outcome.waitStatus)
  }

  /// What is left to do when the container is gone and its tasks are told.
  mutating func leave(_ executor: Executor, waitStatus: Int32?) {
    let id = executor.containerID
    executor.container.state = .exited
    containers[id] = nil
    counters.executorsTerminated += 1
    closeStream(of: executor)
    for deadline: Deadline in [.registration(id), .shutdownGrace(id), .killGrace(id), .completion(id)] {
      timers.cancel(deadline)
    }
    if !executor.isCommandTask {
      tellMaster(
        .executorExited(
          .with {
            $0.frameworkID = executor.frameworkID
            $0.executorID = executor.info.executorID
            // The end of a pod that is done is nobody's failure.
            $0.status = executor.isDone ? 0 : waitStatus ?? -1
          }))
      if !executor.tasks.isEmpty { persist(executor) }
    }
    if executor.framework.isTerminating { dropUpdates(of: executor) } else { retireIfDone(executor) }
    if ending != nil && containers.isEmpty { stopNow() }
  }

  // MARK: Terminal statuses

  private mutating func endCommand(_ task: AgentTask, _ outcome: ContainerOutcome) {
    guard let container = task.container, !task.isTerminal else { return }
    let executor = task.executor
    // The command ran and ended while the agent was away.
    if !task.hasRun && container.isMissing && outcome.waitStatus != nil { reportRunning(task) }
    guard outcome.limitation == nil, executor.termination == nil, let waitStatus = outcome.waitStatus else {
      if !task.hasRun && container.isMissing && executor.termination == nil {
        report(
          task, executor.framework.stateOfDropped, source: .agent, reason: .agentRestarted,
          message: "Task launched during agent restart")
      } else if let kill = task.kill, outcome.limitation == nil, executor.termination == nil {
        if task.hasRun || kill.cause == .completionTime {
          report(task, .taskKilled, source: .agent, message: outcome.annotated("Executor terminated"))
        } else {
          reportKilledDuringLaunch(task)
        }
      } else {
        endWithExecutor(task, outcome)
      }
      return
    }
    let message = outcome.annotated("Command \(WaitStatus(waitStatus).description)")
    if let kill = task.kill {
      if kill.cause == .completionTime {
        report(task, .taskFailed, source: .executor, reason: .maxCompletionTimeReached, message: message)
      } else if !task.hasRun {
        reportKilledDuringLaunch(task)
      } else {
        report(task, .taskKilled, source: .executor, message: message)
      }
    } else {
      // Mesos gives no reason here (exchanges 123 and 124).
      report(task, waitStatus == 0 ? .taskFinished : .taskFailed, source: .executor, message: message)
    }
  }

  private mutating func reportKilledDuringLaunch(_ task: AgentTask) {
    report(
      task, .taskKilled, source: .agent, reason: .taskKilledDuringLaunch,
      message: "Killed before its command was launched")
  }

  /// Protocol fact 102: a limitation says most, then why the agent ended the executor.
  private mutating func endWithExecutor(_ task: AgentTask, _ outcome: ContainerOutcome) {
    if let limitation = outcome.limitation {
      let reason: MesosTaskStatus.Reason =
        switch limitation.kind {
        case .memory: .containerLimitationMemory
        case .disk: .containerLimitationDisk
        case .other: .containerLimitation
        }
      var limited = MesosTaskResourceLimitation()
      if let resource = limitation.resource { limited.resources = [Self.resource(resource)] }
      report(
        task, .taskFailed, source: .agent, reason: reason, message: outcome.annotated(limitation.message),
        limitation: limited.resources.isEmpty ? nil : limited)
    } else if let termination = task.executor.termination {
      report(
        task, termination.state, source: .agent, reason: termination.reason,
        message: outcome.annotated(termination.message))
    } else {
      report(
        task, .taskFailed, source: .agent, reason: .executorTerminated,
        message: outcome.annotated("Executor terminated"))
    }
  }

  private static func resource(_ amount: Amount) -> MesosResource {
    .with {
      $0.name = amount.name
      $0.type = .scalar
      $0.scalar.value = Double(amount.value) / 1000
    }
  }

  func timeoutText(_ nanoseconds: Int64) -> String { DurationText.text(nanoseconds: nanoseconds) }
}
