import Wire

/// What an agent is told at its start and what never changes in its life.
public struct AgentConfiguration: Sendable {
  public enum Recovery: Sendable {
    /// Keep the tasks of checkpointing frameworks.
    case reconnect
    /// End every task that an earlier life left, then stop.
    case cleanup
  }

  /// Without an id: that is the master's to give.
  public var info: MesosAgentInfo
  public var version: String
  /// Of the agent's own HTTP endpoints.
  public var ip: String
  public var port: Int
  /// Absolute; the sandboxes live below it.
  public var workDirectory: String
  /// Names the boot of the machine: with another one all containers are gone.
  public var bootID: String
  public var recovery = Recovery.reconnect
  /// Run tasks as the user of the framework or command rather than as the agent's.
  public var switchesUser = true
  /// Absolute; holds root file systems of containers as directories by the names of images.
  public var rootDirectory: String?
  /// Lowest in precedence (protocol fact 108).
  public var executorEnvironment: [String: String] = [:]
  /// Protocol fact 101.
  public var executorRegistrationTimeoutNs: Int64 = 60_000_000_000
  /// Protocol fact 104.
  public var executorReregistrationTimeoutNs: Int64 = 2_000_000_000
  /// Protocol fact 103.
  public var executorShutdownGraceNs: Int64 = 5_000_000_000

  public init(
    info: MesosAgentInfo, version: String, ip: String, port: Int, workDirectory: String, bootID: String
  ) {
    self.info = info
    self.version = version
    self.ip = ip
    self.port = port
    self.workDirectory = workDirectory
    self.bootID = bootID
  }

  var address: String { "\(ip):\(port)" }
}

/// Times of the protocol that no flag changes, in nanoseconds.
enum ProtocolTime {
  /// The longest that anybody may ask for: half of what a clock may ever show, so that sums with it cannot overflow.
  static let longestNs = Int64.max / 4
  /// Protocol fact 68.
  static let firstRetryNs: Int64 = 10_000_000_000
  static let longestRetryNs: Int64 = 600_000_000_000
  /// Protocol fact 100.
  static let executorHeartbeatNs: Int64 = 1_800_000_000_000
  /// Protocol fact 81.
  static let killGraceNs: Int64 = 3_000_000_000
  /// Protocol fact 106: how long an executor waits for its agent, and the most that it waits between attempts.
  static let recoveryTimeoutNs: Int64 = 900_000_000_000
  static let subscriptionBackoffNs: Int64 = 2_000_000_000
  /// Protocol fact 88: so many missed pings mean that the other side is gone.
  static let missedPings = 5.0
}
