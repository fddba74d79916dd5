import Wire

/// What may be wrong with a command, in Mesos' words.
enum CommandCheck {
  static func problem(_ command: MesosCommandInfo) -> String? {
    for variable in command.environment.variables {
      switch variable.type {
      case .value where !variable.hasValue:
        return "Environment variable '\(variable.name)' of type 'VALUE' must have a value set"
      case .value where variable.hasSecret:
        return "Environment variable '\(variable.name)' of type 'VALUE' must not have a secret set"
      case .secret where !variable.hasSecret:
        return "Environment variable '\(variable.name)' of type 'SECRET' must have a secret set"
      case .unknown:
        return "Environment variable of type 'UNKNOWN' is not allowed"
      default: continue
      }
    }
    for uri in command.uris where uri.value.isEmpty { return "URI value must not be empty" }
    return nil
  }
}

/// What may be wrong with checks and health checks, in Mesos' words.
enum HealthCheckCheck {
  static func problem(_ check: MesosHealthCheck) -> String? {
    let missing: String? =
      switch check.type {
      case .command: check.hasCommand ? nil : "Expecting 'command' to be set for COMMAND health check"
      case .http: check.hasHTTP ? nil : "Expecting 'http' to be set for HTTP health check"
      case .tcp: check.hasTcp ? nil : "Expecting 'tcp' to be set for TCP health check"
      // Protocol fact 59: guessed from what is there.
      case .unknown: check.hasCommand || check.hasHTTP || check.hasTcp ? nil : "HealthCheck must specify 'type'"
      }
    let problem =
      missing ?? negative("delay_seconds", check.delaySeconds) ?? negative("interval_seconds", check.intervalSeconds)
      ?? negative("timeout_seconds", check.timeoutSeconds) ?? negative("grace_period_seconds", check.gracePeriodSeconds)
    return problem.map { "Task uses invalid health check: \($0)" }
  }

  static func problem(_ check: MesosCheckInfo) -> String? {
    let missing: String? =
      switch check.type {
      case .command: check.hasCommand ? nil : "Expecting 'command' to be set for COMMAND check"
      case .http: check.hasHTTP ? nil : "Expecting 'http' to be set for HTTP check"
      case .tcp: check.hasTcp ? nil : "Expecting 'tcp' to be set for TCP check"
      case .unknown: "CheckInfo must specify 'type'"
      }
    let problem =
      missing ?? negative("delay_seconds", check.delaySeconds) ?? negative("interval_seconds", check.intervalSeconds)
      ?? negative("timeout_seconds", check.timeoutSeconds)
    return problem.map { "Task uses invalid check: \($0)" }
  }

  private static func negative(_ field: String, _ seconds: Double) -> String? {
    seconds < 0 ? "Expecting '\(field)' to be non-negative" : nil
  }
}
