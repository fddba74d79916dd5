import Wire

/// What may be wrong with checks and health checks, in Mesos' words and order.
enum HealthCheckCheck {
  /// Protocol fact 59: of a task of a LAUNCH the type is guessed from what is there.
  static func guessType(of task: inout MesosTaskInfo) {
    guard task.hasHealthCheck, !task.healthCheck.hasType else { return }
    switch (task.healthCheck.hasCommand, task.healthCheck.hasHTTP) {
    case (true, false): task.healthCheck.type = .command
    case (false, true): task.healthCheck.type = .http
    default: break
    }
  }

  static func problem(_ check: MesosHealthCheck) -> String? {
    let problem =
      problemOfKind(check) ?? negative("delay_seconds", check.delaySeconds)
      ?? negative("grace_period_seconds", check.gracePeriodSeconds)
      ?? negative("interval_seconds", check.intervalSeconds) ?? negative("timeout_seconds", check.timeoutSeconds)
    return problem.map { "Task uses invalid health check: \($0)" }
  }

  private static func problemOfKind(_ check: MesosHealthCheck) -> String? {
    guard check.hasType else { return "HealthCheck must specify 'type'" }
    switch check.type {
    case .command where !check.hasCommand: return "Expecting 'command' to be set for COMMAND health check"
    case .command: return problem(check.command, "health check", invalid: "Health check's `CommandInfo` is invalid")
    case .http where !check.hasHTTP: return "Expecting 'http' to be set for HTTP health check"
    case .http where check.http.hasScheme && !["http", "https"].contains(check.http.scheme):
      return "Unsupported HTTP health check scheme: '\(check.http.scheme)'"
    case .http: return check.http.hasPath ? problem(path: check.http.path, "health check") : nil
    case .tcp: return check.hasTcp ? nil : "Expecting 'tcp' to be set for TCP health check"
    case .unknown: return "'UNKNOWN' is not a valid health check type"
    }
  }

  static func problem(_ check: MesosCheckInfo) -> String? {
    let problem =
      problemOfKind(check) ?? negative("delay_seconds", check.delaySeconds)
      ?? negative("interval_seconds", check.intervalSeconds) ?? negative("timeout_seconds", check.timeoutSeconds)
    return problem.map { "Task uses invalid check: \($0)" }
  }

  private static func problemOfKind(_ check: MesosCheckInfo) -> String? {
    guard check.hasType else { return "CheckInfo must specify 'type'" }
    switch check.type {
    case .command where !check.hasCommand: return "Expecting 'command' to be set for COMMAND check"
    case .command: return problem(check.command.command, "check", invalid: "Check's `CommandInfo` is invalid")
    case .http where !check.hasHTTP: return "Expecting 'http' to be set for HTTP check"
    case .http: return check.http.hasPath ? problem(path: check.http.path, "check") : nil
    case .tcp: return check.hasTcp ? nil : "Expecting 'tcp' to be set for TCP check"
    case .unknown: return "'UNKNOWN' is not a valid check type"
    }
  }

  private static func problem(_ command: MesosCommandInfo, _ check: String, invalid: String) -> String? {
    guard command.hasValue else {
      return "Command \(check) must contain \(command.shell ? "'shell command'" : "'executable path'")"
    }
    return CommandCheck.problemOfEnvironment(command).map { "\(invalid): \($0)" }
  }

  private static func problem(path: String, _ check: String) -> String? {
    path.hasPrefix("/") ? nil : "The path '\(path)' of HTTP \(check) must start with '/'"
  }

  private static func negative(_ field: String, _ seconds: Double) -> String? {
    seconds < 0 ? "Expecting '\(field)' to be non-negative" : nil
  }
}
