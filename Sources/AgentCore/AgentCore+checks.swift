import Resources
import Wire

/// Checks and health checks of tasks whose commands the agent runs itself; those of others are their executors' matter.
///
/// Both tell what they find by updates of the running task. A task that fails its health check too often is killed.
extension AgentCore {
  /// A framework that does not acknowledge must not fill the disk with what checks find.
  private static var pendingLimit: Int { 64 }

  /// The command of a task runs, or was found to run after a restart.
  mutating func startChecks(of task: AgentTask) {
    guard let container = task.container, task.kill == nil, !task.isTerminal, task.hasChecks else { return }
    // Whatever records hold, grace periods and delays count from some time in the past.
    let startedNs = max(0, min(startedNs(of: task) ?? now, now))
    task.startedNs = startedNs
    for kind in Checker.Kind.allCases {
      guard let checker = task.info.checker(kind) else { continue }
      task.checkers[kind] = checker
      let key = CheckKey(containerID: container.id, kind: kind)
      timers.set(.check(key), at: max(now, startedNs + checker.delayNs))
    }
  }

  /// The task ends or is to end: nothing is told of its checks any more.
  mutating func stopChecks(of task: AgentTask) {
    guard let container = task.container, !task.checkers.isEmpty else { return }
    for kind in Checker.Kind.allCases {
      timers.cancel(.check(CheckKey(containerID: container.id, kind: kind)))
      guard let checker = task.checkers[kind], let run = checker.run else { continue }
      checkRuns[run] = nil
      if checker.isRunning { emit(.endCheck(run: run)) }
    }
    task.checkers = [:]
  }

  mutating func checkDue(_ key: CheckKey) {
    guard let task = task(in: key.containerID), let checker = task.checkers[key.kind] else { return }
    switch task.checkers[key.kind]?.turn(starting: { "check-\(uuidText())" }) {
    case .start(let run):
      checkRuns[run] = key
      emit(
        .startCheck(
          CheckRun(
            id: run, containerID: key.containerID,
            action: task.info.checkAction(key.kind, environment: environment(of: task)))))
      if let timeoutNs = checker.timeoutNs { timers.set(.check(key), at: now + timeoutNs) }
    case .timedOut(let run):
      emit(.endCheck(run: run))
      take(.failed("It took longer than \(timeoutText(checker.timeoutNs ?? 0))"), of: task, key.kind)
    case nil: break
    }
  }

  mutating func checkEnded(_ run: String, _ outcome: CheckOutcome) {
    guard let key = checkRuns.removeValue(forKey: run), let task = task(in: key.containerID),
      let checker = task.checkers[key.kind]
    else { return }
    timers.cancel(.check(key))
    if task.checkers[key.kind]?.ended() == true { take(outcome, of: task, key.kind) }
    // It may have been the last failure of the task.
    if task.checkers[key.kind] != nil { timers.set(.check(key), at: now + checker.intervalNs) }
  }

  private func environment(of task: AgentTask) -> [String: String] {
    guard let container = task.container, container.parentID != nil else { return environment(of: task.executor) }
    return environment(of: task, in: container)
  }

  private mutating func take(_ outcome: CheckOutcome, of task: AgentTask, _ kind: Checker.Kind) {
    switch kind {
    case .health: take(outcome.health, of: task)
    case .general:
      guard let status = outcome.status(of: task.info.check.type), status != task.statuses.last?.checkStatus else {
        return
      }
      tell(task, .taskCheckStatusUpdated) { $0.checkStatus = status }
    }
  }

  private mutating func take(_ health: CheckOutcome.Health, of task: AgentTask) {
    switch health {
    case .unknown(let problem): log(.debug, "\(name(of: task)) could not be checked: \(problem)")
    case .healthy:
      if task.failedHealthChecks > 0 {
        task.failedHealthChecks = 0
        persistProgress(of: task)
      }
      guard let last = task.statuses.last, !last.healthy || !last.hasHealthy else { return }
      tell(task, .taskHealthCheckStatusUpdated) { $0.healthy = true }
    case .unhealthy(let problem): takeFailure(problem, of: task)
    }
  }

  private mutating func takeFailure(_ problem: String, of task: AgentTask) {
    let check = task.info.healthCheck
    let graceNs = Checker.nanoseconds(check.gracePeriodSeconds)
    // It has no say once the health of the task was told: then it has succeeded, or failed after its grace.
    if task.statuses.last?.hasHealthy != true, graceNs > 0, let startedNs = task.startedNs,
      now - startedNs <= graceNs
    {
      return
    }
    task.failedHealthChecks += 1
    let isLast = task.failedHealthChecks >= check.consecutiveFailures
    log(
      isLast ? .warning : .info,
      "\(name(of: task)) failed its health check (\(task.failedHealthChecks) in a row\(isLast ? ", it is killed" : "")): "
        + problem)
    tell(task, .taskHealthCheckStatusUpdated) { $0.healthy = false }
    if isLast {
      killCommand(of: task, graceNs: Self.graceNs(task.info.killPolicy), .unhealthy)
    } else {
      persistProgress(of: task)
    }
  }

  private func name(of task: AgentTask) -> String { "Task '\(task.id)' of framework \(task.executor.framework.id)" }

  /// An update that keeps all else of the last one.
  private mutating func tell(
    _ task: AgentTask, _ reason: MesosTaskStatus.Reason, _ change: (inout MesosTaskStatus) -> Void
  ) {
    guard var status = task.statuses.last, status.state == .taskRunning,
      task.updates.pending.count < Self.pendingLimit
    else { return }
    status.uuid = .init(newUUID())
    status.timestamp = Double(now) / 1e9
    status.reason = reason
    change(&status)
    report(task, status)
  }
}
