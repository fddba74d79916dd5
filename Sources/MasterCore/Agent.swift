import Resources
import Wire

/// An agent and what lives on it.
final class Agent {
  enum Connection {
    case connected(ConnectionID)
    case disconnected
  }

  struct Executor {
    var info: MesosExecutorInfo
    /// Held from its first task until it exits (protocol fact 63); allocated.
    var resources: Resources
  }

  let id: String
  /// In the ledger.
  let slot: UInt32
  var info: MesosAgentInfo
  var version: String
  /// `ip:port` of its own HTTP endpoints.
  var address: String
  var connection: Connection
  /// Counts connections and losses, so that timers of an earlier one can be told.
  var generation: UInt64 = 0
  var pingsUnanswered = 0

  var totals: Resources
  /// Task ids by framework.
  var tasks: [String: Set<String>] = [:]
  /// Executors by framework and id; none for command tasks.
  var executors: [String: [String: Executor]] = [:]
  var offers: Set<UInt64> = []
  /// Kills that could not be delivered (protocol fact 77).
  var pendingKills: [AgentEvent] = []

  let registeredTime: Double
  var reregisteredTime: Double?

  init(
    id: String, slot: UInt32, info: MesosAgentInfo, version: String, address: String, totals: Resources,
    connection: Connection, now: Instant
  ) {
    self.id = id
    self.slot = slot
    self.info = info
    self.version = version
    self.address = address
    self.totals = totals
    self.connection = connection
    registeredTime = now.epochSeconds
  }

  var stream: ConnectionID? {
    if case .connected(let stream) = connection { stream } else { nil }
  }

  /// Whether anything of a framework lives here.
  func hosts(_ framework: String) -> Bool {
    tasks[framework] != nil || executors[framework] != nil
  }
}

/// Resources of an agent that a framework may take.
struct Offer {
  let number: UInt64
  let framework: Framework
  let agent: Agent
  let role: String
  /// Allocated to `role`.
  let resources: Resources
}
