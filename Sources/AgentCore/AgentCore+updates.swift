import Wire

/// Status updates: made here or by executors, kept until the scheduler acknowledges them.
extension AgentCore {
  /// A new status of a task. A task that is over stays as it is.
  mutating func report(
    _ task: AgentTask, _ state: MesosTaskState, source: MesosTaskStatus.Source,
    reason: MesosTaskStatus.Reason? = nil, message: String? = nil,
    limitation: MesosTaskResourceLimitation? = nil
  ) {
    var status = MesosTaskStatus()
    status.taskID = task.info.taskID
    status.state = state
    status.source = source
    status.uuid = .init(newUUID())
    if let reason { status.reason = reason }
    if let message { status.message = message }
    if let limitation { status.limitation = limitation }
    // A new state tells nothing of what checks found before (exchanges p2-005 and p2-007).
    if source == .executor, task.info.hasCheck { status.checkStatus = .empty(task.info.check.type) }
    // Exchange p2-006.
    if state.isTerminal, task.kill?.cause == .unhealthy { status.healthy = false }
    report(task, status)
  }

  /// Completes a status that has its uuid and source, and takes it into the task's stream.
  mutating func report(_ task: AgentTask, _ incoming: MesosTaskStatus) {
    guard !task.isTerminal else { return }
    let executor = task.executor
    var status = incoming
    // Protocol facts 67 and 73.
    if let agentID { status.agentID = .with { $0.value = agentID } }
    status.executorID = executor.info.executorID
    if !status.hasTimestamp { status.timestamp = Double(now) / 1e9 }
    if status.source == .executor { complete(&status.containerStatus, of: task.container ?? executor.container) }

    task.note(status)
    if task.isTerminal { taskEnded(task) }
    guard !executor.framework.isTerminating else { return }
    let update = task.updates.append(status)
    persist(update, of: task)
    if task.updates.pending.count == 1 { forwardUpdate(of: task) }
  }

  private func complete(_ status: inout MesosContainerStatus, of container: Container) {
    if !status.hasContainerID {
      status.containerID.value = container.id
      // Protocol fact 133.
      if let parentID = container.parentID { status.containerID.parent.value = parentID }
    }
    if status.networkInfos.isEmpty {
      var address = MesosNetworkInfo.IPAddress()
      address.protocol = .ipv4
      address.ipAddress = configuration.ip
      status.networkInfos = [.with { $0.ipAddresses = [address] }]
    }
    if !status.hasExecutorPid, let pid = container.pid { status.executorPid = UInt32(pid) }
  }

  private mutating func taskEnded(_ task: AgentTask) {
    let executor = task.executor
    executor.noteEnd(of: task)
    stopChecks(of: task)
    counters.tasksByFinalState[task.state, default: 0] += 1
    if let container = task.container {
      timers.cancel(.completion(container.id))
      timers.cancel(.killGrace(container.id))
    }
    resize(executor)
  }

  /// Sends the update in flight, with the newest state beside it: the master recovers resources by that.
  private mutating func forwardUpdate(of task: AgentTask) {
    let framework = task.executor.framework
    guard master.isSubscribed, !framework.isTerminating, let update = task.updates.inFlight else { return }
    tellMaster(
      .update(
        .with {
          $0.frameworkID = framework.info.id
          $0.status = update.status
          $0.latestState = task.state
        }))
    timers.set(.updateRetry(framework: framework.id, task: task.id), at: now + task.updates.retryNs)
  }

  mutating func retryUpdate(of taskID: String, in frameworkID: String) {
    guard let task = frameworks[frameworkID]?.tasks[taskID] else { return }
    task.updates.lengthenBackoff()
    forwardUpdate(of: task)
  }

  /// Protocol fact 72.
  mutating func resendUpdates() {
    for framework in inOrder(frameworks) {
      for task in inOrder(framework.tasks) where task.updates.inFlight != nil {
        task.updates.restartBackoff()
        forwardUpdate(of: task)
      }
    }
  }

  mutating func acknowledge(_ acknowledgement: AgentEvent.Acknowledge) {
    let frameworkID = acknowledgement.frameworkID.value
    let taskID = acknowledgement.taskID.value
    guard let task = frameworks[frameworkID]?.tasks[taskID],
      let update = task.updates.acknowledge(uuid: [UInt8](acknowledgement.uuid))
    else {
      log(.debug, "Ignoring an acknowledgement for task '\(taskID)' of framework \(frameworkID): not in flight")
      return
    }
    timers.cancel(.updateRetry(framework: frameworkID, task: taskID))
    task.acknowledgedStatus = update.status
    task.acknowledgedStatus?.clearData()
    if task.isTerminal && task.updates.inFlight == nil {
      forget(update, of: task)
      retire(task)
      return
    }
    forget(update, of: task)
    persistProgress(of: task)
    forwardUpdate(of: task)
  }

  /// Drops a task that is over and of which nothing is left to tell.
  mutating func retire(_ task: AgentTask) {
    let executor = task.executor
    forget(task)
    timers.cancel(.updateRetry(framework: executor.framework.id, task: task.id))
    executor.remove(task)
    History.append(task.described(), to: &executor.completedTasks, keeping: History.tasksPerExecutor)
    retireIfDone(executor)
  }

  /// Drops an executor whose container is gone and whose tasks are all told.
  mutating func retireIfDone(_ executor: Executor) {
    let framework = executor.framework
    guard executor.hasExited, executor.tasks.isEmpty, framework.executors[executor.id] === executor else { return }
    forget(executor)
    framework.executors[executor.id] = nil
    History.append(state(of: executor), to: &framework.completedExecutors, keeping: History.executorsPerFramework)
    retireIfDone(framework)
  }

  /// Drops a framework without executors; what is known of its past stays for a while.
  mutating func retireIfDone(_ framework: Framework) {
    guard framework.executors.isEmpty, frameworks[framework.id] === framework else { return }
    forget(framework)
    frameworks[framework.id] = nil
    if !framework.completedExecutors.isEmpty {
      History.append(framework, to: &completedFrameworks, keeping: History.frameworks)
    }
  }
}
