import Resources
import SwiftProtobuf
import Wire

/// From the records of an earlier life to a running agent.
extension AgentCore {
  mutating func rebuild(from records: [String: [UInt8]]) throws(CheckpointError) {
    if let id = records[CheckpointKey.agent] { agentID = String(decoding: id, as: UTF8.self) }
    hasRebooted = records[CheckpointKey.boot].map { !$0.elementsEqual(configuration.bootID.utf8) } ?? false
    let found = try CheckpointContent(records)
    try rebuildResources(found)
    for info in found.frameworks { frameworks[info.id.value] = Framework(info: info) }
    for record in found.executors { try rebuild(record) }
    for task in found.tasks.sorted(by: { $0.record.sequence < $1.record.sequence }) { try rebuild(task) }
  }

  /// What operations made must still fit into what the agent is given this time.
  private mutating func rebuildResources(_ found: CheckpointContent) throws(CheckpointError) {
    do {
      let given = try Resources(wire: configuration.info.resources)
      total = try given.restoring(try Resources(wire: found.made))
    } catch {
      throw CheckpointError(
        key: CheckpointKey.resources, problem: "does not fit: \(error)",
        remedy: "start with --resources that hold what was reserved, or with an empty work directory")
    }
    for record in found.operations {
      operations[record.key] = record
      nextOperationSequence = max(nextOperationSequence, record.sequence + 1)
    }
  }

  private mutating func rebuild(_ record: CheckpointExecutor) throws(CheckpointError) {
    guard let framework = frameworks[record.frameworkID.value] else {
      throw CheckpointError(
        key: "executor/\(record.frameworkID.value)/\(record.info.executorID.value)",
        problem: "belongs to a framework that has no record")
    }
    let executor = Executor(
      framework: framework, info: record.info, container: Container(record.containerID.value),
      isCommandTask: record.commandTask, user: user(of: record.info, framework))
    executor.isRecovered = true
    framework.executors[executor.id] = executor
    if record.exited {
      executor.container.state = .exited
    } else {
      containers[executor.containerID] = executor
    }
  }

  private mutating func rebuild(_ found: CheckpointContent.Task) throws(CheckpointError) {
    let record = found.record
    guard let executor = frameworks[found.frameworkID]?.executors[record.executorID.value] else {
      throw CheckpointError(
        key: "task/\(found.frameworkID)/\(record.info.taskID.value)", problem: "belongs to an executor without record")
    }
    let task = AgentTask(
      info: record.info, sequence: record.sequence, group: record.hasGroup ? record.group : nil, executor: executor,
      nested: record.hasContainerID ? record.containerID.value : nil)
    nextTaskSequence = max(nextTaskSequence, record.sequence + 1)
    let progress = found.progress
    task.isDelivered = progress.delivered
    task.startedNs = progress.hasStartedNs ? progress.startedNs : nil
    task.failedHealthChecks = min(progress.failedHealthChecks, .max - 1)
    if progress.hasLatest {
      task.acknowledgedStatus = progress.latest
      task.note(progress.latest)
    }
    task.updates = UpdateStream(
      pending: found.updates.sorted { $0.sequence < $1.sequence },
      acknowledged: progress.acknowledgedUuids.map { [UInt8]($0) })
    for update in task.updates.pending { task.note(update.status) }
    executor.add(task)
    if progress.hasKillDeadlineNs {
      task.kill = AgentTask.Kill(
        deadlineNs: progress.killDeadlineNs,
        cause: progress.completionTimeReached ? .completionTime : progress.unhealthy ? .unhealthy : .wanted)
    }
    enqueueIfUndelivered(task)
    if let container = task.container, container.parentID != nil {
      if task.isTerminal { container.state = .exited } else if task.isDelivered { nested[container.id] = task }
    }
    // The only task of a command executor is over when its container is.
    if executor.isCommandTask && task.isTerminal {
      executor.container.state = .exited
      containers[executor.containerID] = nil
    }
  }

  private func enqueueIfUndelivered(_ task: AgentTask) {
    let executor = task.executor
    guard !executor.isCommandTask, !task.isDelivered, task.state == .taskStaging else { return }
    if let group = task.group, executor.queue.last?.first?.group == group {
      executor.queue[executor.queue.count - 1].append(task)
    } else {
      executor.queue.append([task])
    }
  }

  mutating func start() {
    emit(.persist(key: CheckpointKey.boot, value: Array(configuration.bootID.utf8)))
    resumeOperations()
    let isCleanup = configuration.recovery == .cleanup
    if isCleanup { ending = "the tasks of the earlier agent are ended (--recover=cleanup)" }
    let executors = containers.values.sorted { $0.containerID < $1.containerID }
    if hasRebooted && !executors.isEmpty {
      log(.warning, "The machine rebooted: \(executors.count) containers are gone")
    }
    emit(.destroyOrphans(keeping: hasRebooted ? [] : Set(containers.keys).union(nested.keys)))
    for executor in executors {
      if hasRebooted {
        goneWithReboot(executor)
      } else {
        executor.container.isDestroyed = isCleanup
        emit(.recover(containerLaunch(of: executor)))
        for task in executor.nestedTasks {
          task.container.map { emit(.recover(containerLaunch(of: task, in: $0))) }
        }
      }
    }
    // What a crash left between the last acknowledgement and the end of the executor.
    for executor in inOrder(frameworks).flatMap({ inOrder($0.executors) }) { retireIfDone(executor) }
    for framework in inOrder(frameworks) { retireIfDone(framework) }
    if containers.values.contains(where: { !$0.isPlayed }) {
      timers.set(.reregistration, at: now + configuration.executorReregistrationTimeoutNs)
    }
    if isCleanup && containers.isEmpty { stopNow() }
  }

  private mutating func goneWithReboot(_ executor: Executor) {
    executor.termination = Executor.Termination(
      state: executor.framework.stateOfGone, reason: .agentRestarted, message: "The agent's machine rebooted")
    for task in executor.nestedTasks {
      task.container?.state = .exited
      task.container.map { nested[$0.id] = nil }
    }
    for task in executor.orderedTasks where !task.isTerminal {
      report(
        task, executor.framework.stateOfGone, source: .agent, reason: .agentRestarted,
        message: "The agent's machine rebooted")
    }
    leave(executor, waitStatus: nil)
  }

  // MARK: The end

  mutating func unregister(reason: String) {
    tellMaster(.unsubscribe(.with { $0.reason = reason }))
    end(reason: reason)
  }

  /// Ends all tasks and then the agent, which forgets who it was.
  mutating func end(reason: String) {
    guard ending == nil else { return }
    log(.warning, "Ending: \(reason)")
    ending = reason
    for id in frameworks.keys.sorted() { shutDownFramework(id) }
    if containers.isEmpty {
      stopNow()
    } else {
      let graceNs = containers.values.map { shutdownGraceNs(of: $0) }.max() ?? 0
      timers.set(.ending, at: now + graceNs + Self.endingAllowanceNs)
    }
  }

  /// For containment to destroy what did not end by itself.
  private static var endingAllowanceNs: Int64 { 30_000_000_000 }

  mutating func stopNow() {
    guard let ending else { return }
    emit(.forgetEverything)
    // Whoever runs here next must know of the data that lies here.
    if !total.madeByOperations.isEmpty { persistResources() }
    emit(.stop(reason: ending))
  }
}
