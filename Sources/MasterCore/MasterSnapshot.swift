import HashTreeCollections
import Resources
import Wire

/// The master at one moment, as values: what the read-only endpoints show. Read it anywhere.
public struct MasterSnapshot: Sendable {
  public let configuration: MasterConfiguration
  public let startedSeconds: Double
  public let agents: [AgentSnapshot]
  /// Agents of an earlier master that are not back yet.
  public let recoveredAgents: [MesosAgentInfo]
  public let unreachableAgentCount: Int
  public let frameworks: [FrameworkSnapshot]
  public let completedFrameworks: [FrameworkSnapshot]
  /// Of roles that have another than 1.
  public let weights: [String: Double]
  public let quotas: [String: MesosQuotaConfig]
  /// What counts against them, without what is only offered.
  public let consumedQuotas: [String: [String: Quantity]]
  let maintenance: Maintenance
  /// By agent.
  let inverseOfferAnswers: [String: [MesosMaintenanceInverseOfferStatus]]
  /// In the order of their arrival.
  public let operations: [MasterOperation]
  public let metrics: MasterMetrics
  /// Event streams of operators that are open.
  public let subscriberCount: Int
  /// Refuse filters in force, by role.
  public let filterCounts: [String: Int]
}

public struct AgentSnapshot: Sendable {
  public let id: String
  public let info: MesosAgentInfo
  public let version: String
  public let address: String
  public let isActive: Bool
  public let isDeactivated: Bool
  /// Set while the agent is emptied, and after.
  public let drain: MesosDrainInfo?
  public let registeredTime: Double
  public let reregisteredTime: Double?
  /// Announced by the maintenance schedule.
  var unavailability: MesosUnavailability?
  public let total: Resources
  public internal(set) var offered = Resources()
  /// Used and offered.
  public let allocated: Resources
  /// By framework and id.
  let executors: [String: [String: Agent.Executor]]
}

public struct FrameworkSnapshot: Sendable {
  public typealias Tasks = TreeDictionary<String, MasterTask>.Values

  /// With the id set.
  public let info: MesosFrameworkInfo
  public let roles: [String]
  public let offerConstraints: SchedulerOfferConstraints
  public let isConnected: Bool
  public let isRecovered: Bool
  public let registeredTime: Double
  public let reregisteredTime: Double?
  public let unregisteredTime: Double?
  public let metrics: FrameworkMetrics
  public let tasks: Tasks
  public let unreachableTasks: Tasks
  public let completedTasks: BoundedHistory<MasterTask>
  public internal(set) var suppressedRoles: [String] = []
  public internal(set) var executors: [ExecutorSnapshot] = []
  public internal(set) var offers: [OfferSnapshot] = []
  var inverseOffers: [InverseOfferSnapshot] = []

  init(_ framework: Framework) {
    info = framework.info
    roles = framework.roles
    offerConstraints = framework.offerConstraints
    isConnected = framework.stream != nil
    if case .recovered = framework.connection { isRecovered = true } else { isRecovered = false }
    registeredTime = framework.registeredTime
    reregisteredTime = framework.reregisteredTime
    unregisteredTime = framework.unregisteredTime
    metrics = framework.metrics
    tasks = framework.tasks.values
    unreachableTasks = framework.unreachableTasks.values
    completedTasks = framework.completedTasks
  }
}

public struct ExecutorSnapshot: Sendable {
  public let info: MesosExecutorInfo
  public let agentID: String
  public let resources: Resources
}

public struct OfferSnapshot: Sendable {
  public let id: String
  public let agentID: String
  public let role: String
  public let resources: Resources
}

struct InverseOfferSnapshot: Sendable {
  let id: String
  let agentID: String
  let unavailability: MesosUnavailability
}
