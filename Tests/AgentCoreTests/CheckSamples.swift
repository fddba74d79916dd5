import AgentCore
import Wire

extension Simulation {
  var checkRuns: [CheckRun] {
    effects.compactMap { if case .startCheck(let run) = $0 { run } else { nil } }
  }

  var endedRuns: [String] {
    effects.compactMap { if case .endCheck(let run) = $0 { run } else { nil } }
  }

  /// Ends the latest run.
  func endCheck(_ outcome: CheckOutcome) {
    guard let run = checkRuns.last else { return }
    feed(.checkEnded(run: run.id, outcome))
  }

  /// What was told of the health and checks of a task, in order.
  func checked(_ task: String) -> [String] {
    acknowledgeAll()
    return statuses(task).map { status in
      var text = "\(status.state)".replacing("task", with: "")
      if status.hasHealthy { text += status.healthy ? " healthy" : " unhealthy" }
      if status.checkStatus.command.hasExitCode { text += " \(status.checkStatus.command.exitCode)" }
      if status.checkStatus.http.hasStatusCode { text += " \(status.checkStatus.http.statusCode)" }
      if status.checkStatus.tcp.hasSucceeded { text += " \(status.checkStatus.tcp.succeeded)" }
      return text
    }
  }
}

/// Task t with a health check; times in seconds.
func healthChecked(
  delay: Double = 0, interval: Double = 1, timeout: Double = 20, failures: UInt32 = 3, grace: Double = 0
) -> MesosTaskInfo {
  var task = task("t", "sleep 100")
  task.healthCheck = .with {
    $0.type = .tcp
    $0.tcp.port = 80
    $0.delaySeconds = delay
    $0.intervalSeconds = interval
    $0.timeoutSeconds = timeout
    $0.consecutiveFailures = failures
    $0.gracePeriodSeconds = grace
  }
  return task
}

/// Task t with a check at once.
func generallyChecked(interval: Double = 1, _ fill: (inout MesosCheckInfo) -> Void) -> MesosTaskInfo {
  var task = task("t", "sleep 100")
  task.check.delaySeconds = 0
  task.check.intervalSeconds = interval
  fill(&task.check)
  return task
}
