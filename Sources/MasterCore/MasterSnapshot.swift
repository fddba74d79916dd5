import Resources
import Wire

/// The master at one moment, as values: what the read-only endpoints show. Made on the loop, read anywhere.
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
  /// What counts against them.
  public let consumedQuotas: [String: [String: Quantity]]
  public let metrics: MasterMetrics
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
  public let total: Resources
  public let offered: Resources
  /// Used and offered.
  public let allocated: Resources
}

public struct FrameworkSnapshot: Sendable {
  /// With the id set.
  public let info: MesosFrameworkInfo
  public let roles: [String]
  public let isConnected: Bool
  public let isRecovered: Bool
  public let registeredTime: Double
  public let reregisteredTime: Double?
  public let unregisteredTime: Double?
  public let tasks: [MasterTask]
  public let unreachableTasks: [MasterTask]
  public let completedTasks: [MasterTask]
  public let executors: [ExecutorSnapshot]
  public let offers: [OfferSnapshot]
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

extension FrameworkSnapshot {
  init(_ framework: Framework, executors: [ExecutorSnapshot] = [], offers: [OfferSnapshot] = []) {
    info = framework.info
    roles = framework.roles
    isConnected = framework.stream != nil
    if case .recovered = framework.connection { isRecovered = true } else { isRecovered = false }
    registeredTime = framework.registeredTime
    reregisteredTime = framework.reregisteredTime
    unregisteredTime = framework.unregisteredTime
    tasks = Array(framework.tasks.values)
    unreachableTasks = Array(framework.unreachableTasks.values)
    completedTasks = Array(framework.completedTasks)
    self.executors = executors
    self.offers = offers
  }
}

extension MasterCore {
  public func snapshot() -> MasterSnapshot {
    MasterSnapshot(
      configuration: configuration, startedSeconds: started.epochSeconds,
      agents: agents.values.sorted { $0.registeredTime < $1.registeredTime }.map(snapshot),
      recoveredAgents: recoveredAgents,
      unreachableAgentCount: agentRecords.values.count { $0.hasUnreachableSince },
      frameworks: frameworks.values.sorted { $0.registeredTime < $1.registeredTime }.map(snapshot),
      completedFrameworks: Array(completedFrameworks), weights: weights, quotas: quotas,
      consumedQuotas: consumedQuotas, metrics: metrics)
  }

  private var consumedQuotas: [String: [String: Quantity]] {
    let roles = Set(frameworks.values.flatMap(\.roles)).union(quotas.keys)
    return Dictionary(
      uniqueKeysWithValues: roles.map { role in
        (role, Dictionary(uniqueKeysWithValues: ledger.consumedQuota(ofRole: role).map { ($0.name, $0.amount) }))
      })
  }

  private func snapshot(_ agent: Agent) -> AgentSnapshot {
    var offered = Resources()
    for number in agent.offers { offered += offers[number]?.resources ?? Resources() }
    return AgentSnapshot(
      id: agent.id, info: agent.info, version: agent.version, address: agent.address, isActive: agent.stream != nil,
      isDeactivated: isDeactivated(agent.id), drain: agentRecords[agent.id].flatMap { $0.hasDrain ? $0.drain : nil },
      registeredTime: agent.registeredTime, reregisteredTime: agent.reregisteredTime, total: agent.totals,
      offered: offered.unallocated(), allocated: ledger.allocated(on: agent.slot))
  }

  private func snapshot(_ framework: Framework) -> FrameworkSnapshot {
    let executors = framework.agents.sorted().flatMap { id -> [ExecutorSnapshot] in
      (agents[id]?.executors[framework.id] ?? [:]).values.map {
        ExecutorSnapshot(info: $0.info, agentID: id, resources: $0.resources)
      }
    }
    let pending = framework.offers.sorted().compactMap { offers[$0] }.map {
      OfferSnapshot(id: id(of: $0), agentID: $0.agent.id, role: $0.role, resources: $0.resources)
    }
    return FrameworkSnapshot(framework, executors: executors, offers: pending)
  }
}
