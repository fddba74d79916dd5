import Wire

/// One run of a check or health check, for the shell to carry out.
public struct CheckRun: Equatable, Sendable {
  /// Names the run; a file name.
  public var id: String
  /// That of the task, which runs.
  public var containerID: String
  public var action: CheckAction

  public init(id: String, containerID: String, action: CheckAction) {
    self.id = id
    self.containerID = containerID
    self.action = action
  }
}

/// What a check does. Ports are those of the loopback address that the task sees; nothing says that they are valid.
public enum CheckAction: Equatable, Sendable {
  /// Run a program as the task's user in its sandbox, in its namespaces and under its limits. The arguments include the
  /// zeroth; the environment is complete.
  case command(program: String, arguments: [String], environment: [String: String])
  /// GET the path, and follow redirects.
  case http(port: UInt32, path: String, isIPv6: Bool)
  /// The same over TLS, with whatever certificate.
  case https(port: UInt32, path: String, isIPv6: Bool)
  /// Connect.
  case tcp(port: UInt32, isIPv6: Bool)
}

/// What came of a run.
public enum CheckOutcome: Equatable, Sendable {
  /// As waitpid gives it.
  case exited(waitStatus: Int32)
  /// The status of the last answer.
  case answered(status: Int)
  case connected(Bool)
  /// It was tried without a result.
  case failed(String)
  /// It could not be tried, for which the task cannot be blamed: it does not count.
  case unavailable(String)
}

extension CheckOutcome {
  enum Health: Equatable {
    case healthy
    case unhealthy(String)
    case unknown(String)
  }

  /// What it says of the health of a task.
  var health: Health {
    switch self {
    case .exited(let status): status == 0 ? .healthy : .unhealthy("Command \(WaitStatus(status))")
    case .answered(let status):
      (200..<400).contains(status) ? .healthy : .unhealthy("Unexpected HTTP response code: \(status)")
    case .connected(let succeeded): succeeded ? .healthy : .unhealthy("TCP connection failed")
    case .failed(let problem): .unhealthy(problem)
    case .unavailable(let problem): .unknown(problem)
    }
  }

  /// As it is told of a check; nil for nothing.
  func status(of type: MesosCheckInfo.TypeEnum) -> MesosCheckStatusInfo? {
    var info = MesosCheckStatusInfo.empty(type)
    switch self {
    case .exited(let status) where status & 0x7f == 0: info.command.exitCode = status >> 8 & 0xff
    case .answered(let status): info.http.statusCode = UInt32(clamping: status)
    case .connected(let succeeded): info.tcp.succeeded = succeeded
    case .exited, .failed: break
    case .unavailable: return nil
    }
    return info
  }
}

extension MesosCheckStatusInfo {
  /// What all statuses of a task with a check carry as long as there is no result (exchange p2-007).
  static func empty(_ type: MesosCheckInfo.TypeEnum) -> MesosCheckStatusInfo {
    .with {
      $0.type = type
      switch type {
      case .command: $0.command = .init()
      case .http: $0.http = .init()
      case .tcp: $0.tcp = .init()
      case .unknown: break
      }
    }
  }
}
