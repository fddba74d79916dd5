import Wire

/// What may be wrong with a command, in Mesos' words.
enum CommandCheck {
  static func problem(_ command: MesosCommandInfo) -> String? {
    if let problem = problemOfEnvironment(command) { return problem }
    for uri in command.uris where uri.value.isEmpty { return "URI value must not be empty" }
    return nil
  }

  /// All that Mesos looks at in the command of a check.
  static func problemOfEnvironment(_ command: MesosCommandInfo) -> String? {
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
    return nil
  }
}
