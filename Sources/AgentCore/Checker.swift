import Resources
import Wire

/// When one check of a task runs: after a delay, and then an interval after the end of each run. A run that takes longer
/// than its timeout counts as failed at once, and is ended; the next one waits until nothing is left of it.
struct Checker {
  enum Kind: CaseIterable {
    case health, general
  }

  /// What its deadline means.
  enum Turn: Equatable {
    case start(run: String)
    case timedOut(run: String)
  }

  private enum Phase {
    case waiting
    case running(String)
    case ending(String)
  }

  let delayNs: Int64
  let intervalNs: Int64
  /// nil: as long as it takes.
  let timeoutNs: Int64?
  private var phase = Phase.waiting

  /// Checks may be asked for without a pause, but an agent that does nothing else helps nobody.
  private static let shortestIntervalNs: Int64 = 100_000_000

  init(delaySeconds: Double, intervalSeconds: Double, timeoutSeconds: Double) {
    delayNs = Self.nanoseconds(delaySeconds)
    intervalNs = max(Self.shortestIntervalNs, Self.nanoseconds(intervalSeconds))
    let timeoutNs = Self.nanoseconds(timeoutSeconds)
    self.timeoutNs = timeoutNs > 0 ? timeoutNs : nil
  }

  static func nanoseconds(_ seconds: Double) -> Int64 {
    guard seconds > 0 else { return 0 }
    return seconds < Double(ProtocolTime.longestNs) / 1e9 ? Int64(seconds * 1e9) : ProtocolTime.longestNs
  }

  /// The run that is under way.
  var run: String? {
    switch phase {
    case .waiting: nil
    case .running(let run), .ending(let run): run
    }
  }

  var isRunning: Bool {
    if case .running = phase { true } else { false }
  }

  /// At its deadline.
  mutating func turn(starting newRun: () -> String) -> Turn? {
    switch phase {
    case .waiting:
      let run = newRun()
      phase = .running(run)
      return .start(run: run)
    case .running(let run):
      phase = .ending(run)
      return .timedOut(run: run)
    case .ending: return nil
    }
  }

  /// Nothing of its run is left. Answers whether what came of it counts.
  mutating func ended() -> Bool {
    defer { phase = .waiting }
    if case .running = phase { return true }
    return false
  }
}

/// Names one check of one task by its container.
struct CheckKey: Hashable {
  var containerID: String
  var kind: Checker.Kind
}

extension MesosTaskInfo {
  /// The check of a kind; nil if there is none, or none that the master should have let through.
  func checker(_ kind: Checker.Kind) -> Checker? {
    switch kind {
    case .health where hasHealthCheck && healthCheck.type != .unknown:
      Checker(
        delaySeconds: healthCheck.delaySeconds, intervalSeconds: healthCheck.intervalSeconds,
        timeoutSeconds: healthCheck.timeoutSeconds)
    case .general where hasCheck && check.type != .unknown:
      Checker(
        delaySeconds: check.delaySeconds, intervalSeconds: check.intervalSeconds, timeoutSeconds: check.timeoutSeconds)
    default: nil
    }
  }

  var isCheckedByHTTPS: Bool {
    hasHealthCheck && healthCheck.type == .http && healthCheck.http.scheme == "https"
  }

  /// - Parameter environment: of the task; that of a command comes on top.
  func checkAction(_ kind: Checker.Kind, environment: [String: String]) -> CheckAction {
    switch kind {
    case .health:
      switch healthCheck.type {
      case .command, .unknown: return .command(healthCheck.command, environment)
      case .http:
        let http = healthCheck.http
        let isIPv6 = http.protocol == .ipv6
        return isCheckedByHTTPS
          ? .https(port: http.port, path: http.path, isIPv6: isIPv6)
          : .http(port: http.port, path: http.path, isIPv6: isIPv6)
      case .tcp: return .tcp(port: healthCheck.tcp.port, isIPv6: healthCheck.tcp.protocol == .ipv6)
      }
    case .general:
      switch check.type {
      case .command, .unknown: return .command(check.command.command, environment)
      case .http: return .http(port: check.http.port, path: check.http.path, isIPv6: false)
      case .tcp: return .tcp(port: check.tcp.port, isIPv6: false)
      }
    }
  }
}

extension CheckAction {
  fileprivate static func command(_ command: MesosCommandInfo, _ environment: [String: String]) -> CheckAction {
    let words = ContainerLaunch.words(of: command)
    var environment = environment
    AgentCore.add(command.environment, to: &environment)
    return .command(program: words.program, arguments: words.arguments, environment: environment)
  }
}
