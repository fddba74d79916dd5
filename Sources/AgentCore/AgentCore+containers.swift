import Resources
import Wire

/// What containment tells of containers.
extension AgentCore {
  mutating func containerLaunched(_ id: String, pid: Int32) {
    guard let executor = containers[id] else { return }
    executor.container = .running(pid: pid)
    if executor.isDestroyed || executor.kill != nil {
      executor.isDestroyed = true
      emit(.destroy(containerID: id))
    } else if let task = executor.commandTask {
      reportRunning(task)
    }
  }

  /// STARTING comes with RUNNING, not before the launch: a task that fails to launch shows neither (exchange 126 of a real
  /// Mesos).
  private mutating func reportRunning(_ task: AgentTask) {
    report(task, .taskStarting, source: .executor)
    report(task, .taskRunning, source: .executor)
    guard task.info.hasMaxCompletionTime else { return }
    let (end, overflow) = now.addingReportingOverflow(max(0, task.info.maxCompletionTime.nanoseconds))
    if !overflow { timers.set(.completion(task.executor.containerID), at: end) }
  }

  mutating func containerLaunchFailed(_ id: String, message: String) {
    guard let executor = containers[id] else { return }
    log(.warning, "Cannot launch executor '\(executor.id)' of framework \(executor.framework.id): \(message)")
    counters.containerLaunchErrors += 1
    if executor.termination == nil {
      executor.termination = Executor.Termination(
        state: .taskFailed, reason: .containerLaunchFailed, message: "Failed to launch container: \(message)")
    }
    ended(executor, ContainerOutcome(waitStatus: nil))
  }

  mutating func containerRecovered(_ id: String, pid: Int32?) {
    guard let executor = containers[id] else { return }
    guard let pid else {
      executor.isMissing = true
      return
    }
    executor.container = .running(pid: pid)
    log(.info, "Recovered executor '\(executor.id)' of framework \(executor.framework.id)")
    if executor.isDestroyed {
      emit(.destroy(containerID: id))
    } else if let task = executor.commandTask {
      if task.state == .taskStaging && executor.kill == nil { reportRunning(task) }
      resumeDeadlines(of: task)
    }
  }

  /// Kill and completion time of a command task that a restart interrupted.
  private mutating func resumeDeadlines(of task: AgentTask) {
    let executor = task.executor
    if let kill = executor.kill {
      // The signal may not have gone out; a second one does no harm.
      emit(.signal(containerID: executor.containerID, signal: Self.sigterm))
      timers.set(.killGrace(executor.containerID), at: kill.deadlineNs)
    } else if task.info.hasMaxCompletionTime, let running = task.statuses.first(where: { $0.state == .taskRunning }) {
      let end = running.timestamp + Double(task.info.maxCompletionTime.nanoseconds) / 1e9
      if let deadline = Int64(exactly: (end * 1e9).rounded()) {
        timers.set(.completion(executor.containerID), at: deadline)
      }
    }
  }

  mutating func containerExited(_ id: String, _ outcome: ContainerOutcome) {
    guard let executor = containers[id] else { return }
    ended(executor, outcome)
  }

  private mutating func ended(_ executor: Executor, _ outcome: ContainerOutcome) {
    if let task = executor.commandTask, !task.isTerminal {
      // The command ran and ended while the agent was away.
      if task.state == .taskStaging && executor.isMissing && outcome.waitStatus != nil { reportRunning(task) }
      endCommand(task, outcome)
    } else {
      for task in executor.orderedTasks where !task.isTerminal { endWithExecutor(task, outcome) }
    }
    leave(executor, waitStatus: outcome.waitStatus)
  }

  /// What is left to do when the container is gone and its tasks are told.
  mutating func leave(_ executor: Executor, waitStatus: Int32?) {
    let id = executor.containerID
    executor.container = .exited
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
            $0.status = waitStatus ?? -1
          }))
      if !executor.tasks.isEmpty { persist(executor) }
    }
    if executor.framework.isTerminating { dropUpdates(of: executor) } else { retireIfDone(executor) }
    if ending != nil && containers.isEmpty { stopNow() }
  }

  // MARK: Terminal statuses

  private mutating func endCommand(_ task: AgentTask, _ outcome: ContainerOutcome) {
    let executor = task.executor
    guard outcome.limitation == nil, executor.termination == nil, let waitStatus = outcome.waitStatus else {
      if task.state == .taskStaging && executor.isMissing && executor.termination == nil {
        report(
          task, executor.framework.stateOfDropped, source: .agent, reason: .agentRestarted,
          message: "Task launched during agent restart")
      } else if executor.kill != nil && outcome.limitation == nil && executor.termination == nil {
        report(task, .taskKilled, source: .agent, message: "Executor terminated")
      } else {
        endWithExecutor(task, outcome)
      }
      return
    }
    let message = "Command \(WaitStatus(waitStatus).description)"
    if let kill = executor.kill {
      if kill.completionTimeReached {
        report(task, .taskFailed, source: .executor, reason: .maxCompletionTimeReached, message: message)
      } else if task.state == .taskStaging {
        report(
          task, .taskKilled, source: .agent, reason: .taskKilledDuringLaunch,
          message: "Killed before its command was launched")
      } else {
        report(task, .taskKilled, source: .executor, message: message)
      }
    } else {
      // Mesos gives no reason here (exchanges 123 and 124).
      report(task, waitStatus == 0 ? .taskFinished : .taskFailed, source: .executor, message: message)
    }
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
        task, .taskFailed, source: .agent, reason: reason, message: limitation.message,
        limitation: limited.resources.isEmpty ? nil : limited)
    } else if let termination = task.executor.termination {
      report(task, termination.state, source: .agent, reason: termination.reason, message: termination.message)
    } else {
      report(task, .taskFailed, source: .agent, reason: .executorTerminated, message: "Executor terminated")
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
