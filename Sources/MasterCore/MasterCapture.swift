import Resources
import Wire

/// All that a snapshot needs, taken on the loop in a few milliseconds however many tasks there are: it shares what the
/// core holds, which copies on its next change only the part that changes. The rest of the work is done in `snapshot()`,
/// off the loop.
public struct MasterCapture: Sendable {
  struct PendingOffer: Sendable {
    let number: UInt64
    let frameworkID: String
    let agentID: String
    let role: String
    let resources: Resources
  }

  struct PendingInverseOffer: Sendable {
    let number: UInt64
    let frameworkID: String
    let agentID: String
    let unavailability: MesosUnavailability
  }

  let configuration: MasterConfiguration
  let startedSeconds: Double
  let agents: [AgentSnapshot]
  let unreachableAgentCount: Int
  let frameworks: [FrameworkSnapshot]
  let completedFrameworks: BoundedHistory<FrameworkSnapshot>
  let offers: [PendingOffer]
  let inverseOffers: [PendingInverseOffer]
  let recoveredAgents: [MesosAgentInfo]
  let weights: [String: Double]
  let quotas: [String: MesosQuotaConfig]
  let consumedQuotas: [String: [String: Quantity]]
  let maintenance: Maintenance
  let inverseOfferAnswers: [String: [MesosMaintenanceInverseOfferStatus]]
  let operations: [MasterOperation]
  let metrics: MasterMetrics
  let subscriberCount: Int
  let filterCounts: [String: Int]

  /// Gives each agent and framework what is its own, in the order of their registration.
  public func snapshot() -> MasterSnapshot {
    var offersOfFramework: [String: [OfferSnapshot]] = [:]
    var offeredOnAgent: [String: Resources] = [:]
    for offer in offers.sorted(by: { $0.number < $1.number }) {
      let id = MasterCore.offerID(offer.number, configuration)
      offersOfFramework[offer.frameworkID, default: []].append(
        OfferSnapshot(id: id, agentID: offer.agentID, role: offer.role, resources: offer.resources))
      offeredOnAgent[offer.agentID, default: Resources()] += offer.resources
    }
    var agents = agents.sorted { ($0.registeredTime, $0.id) < ($1.registeredTime, $1.id) }
    var inverseOffersOfFramework: [String: [InverseOfferSnapshot]] = [:]
    for offer in inverseOffers.sorted(by: { $0.number < $1.number }) {
      let id = MasterCore.offerID(offer.number, configuration)
      inverseOffersOfFramework[offer.frameworkID, default: []].append(
        InverseOfferSnapshot(id: id, agentID: offer.agentID, unavailability: offer.unavailability))
    }
    var executorsOfFramework: [String: [ExecutorSnapshot]] = [:]
    for index in agents.indices {
      let id = agents[index].id
      agents[index].offered = offeredOnAgent[id]?.unallocated() ?? Resources()
      if !maintenance.isEmpty { agents[index].unavailability = maintenance.unavailabilities[agents[index].machine] }
      for (framework, executors) in agents[index].executors {
        executorsOfFramework[framework, default: []] += executors.values.map {
          ExecutorSnapshot(info: $0.info, agentID: id, resources: $0.resources)
        }
      }
    }
    var frameworks = frameworks.sorted {
      ($0.registeredTime, $0.info.id.value) < ($1.registeredTime, $1.info.id.value)
    }
    for index in frameworks.indices {
      frameworks[index].executors = executorsOfFramework[frameworks[index].info.id.value] ?? []
      frameworks[index].offers = offersOfFramework[frameworks[index].info.id.value] ?? []
      frameworks[index].inverseOffers = inverseOffersOfFramework[frameworks[index].info.id.value] ?? []
    }
    return MasterSnapshot(
      configuration: configuration, startedSeconds: startedSeconds, agents: agents,
      recoveredAgents: recoveredAgents, unreachableAgentCount: unreachableAgentCount, frameworks: frameworks,
      completedFrameworks: Array(completedFrameworks), weights: weights, quotas: quotas,
      consumedQuotas: consumedBesidesOffers, maintenance: maintenance, inverseOfferAnswers: inverseOfferAnswers,
      operations: operations.sorted { $0.number < $1.number }, metrics: metrics, subscriberCount: subscriberCount,
      filterCounts: filterCounts)
  }
}

extension MasterCapture {
  /// What roles use or have reserved counts against their quota, what they are only offered does not.
  fileprivate var consumedBesidesOffers: [String: [String: Quantity]] {
    var consumed = consumedQuotas
    for offer in offers {
      let amounts = offer.resources.unreserved.scalarTotals
      for role in Role.lineage(of: offer.role) {
        for (name, amount) in amounts { consumed[role]?[name]? -= amount }
      }
    }
    return consumed.mapValues { $0.filter { $0.value > .zero } }
  }
}

extension MasterCore {
  public func capture() -> MasterCapture {
    MasterCapture(
      configuration: configuration, startedSeconds: started.epochSeconds, agents: agents.values.map(capture),
      unreachableAgentCount: agentRecords.values.count { $0.hasUnreachableSince },
      frameworks: frameworks.values.map { framework in
        var snapshot = FrameworkSnapshot(framework)
        snapshot.suppressedRoles = ledger.suppressedRoles(of: framework.slot)
        return snapshot
      },
      completedFrameworks: completedFrameworks,
      offers: offers.values.map {
        MasterCapture.PendingOffer(
          number: $0.number, frameworkID: $0.framework.id, agentID: $0.agent.id, role: $0.role,
          resources: $0.resources)
      },
      inverseOffers: inverseOffers.offers.values.map {
        MasterCapture.PendingInverseOffer(
          number: $0.number, frameworkID: $0.framework.id, agentID: $0.agent.id, unavailability: $0.unavailability)
      }, recoveredAgents: recoveredAgents, weights: weights, quotas: quotas, consumedQuotas: consumedQuotas,
      maintenance: maintenance, inverseOfferAnswers: inverseOffers.answers, operations: Array(operations.all.values),
      metrics: metrics, subscriberCount: subscribers.count, filterCounts: ledger.filterCounts)
  }

  private var consumedQuotas: [String: [String: Quantity]] {
    let roles = Set(frameworks.values.flatMap(\.roles)).union(quotas.keys)
    return Dictionary(
      uniqueKeysWithValues: roles.map { role in
        (role, Dictionary(uniqueKeysWithValues: ledger.consumedQuota(ofRole: role).map { ($0.name, $0.amount) }))
      })
  }

  public func snapshot() -> MasterSnapshot { capture().snapshot() }

  func capture(_ agent: Agent) -> AgentSnapshot {
    AgentSnapshot(
      id: agent.id, info: agent.info, version: agent.version, address: agent.address, isActive: agent.stream != nil,
      isDeactivated: isDeactivated(agent.id), drain: agentRecords[agent.id].flatMap { $0.hasDrain ? $0.drain : nil },
      registeredTime: agent.registeredTime, reregisteredTime: agent.reregisteredTime, total: agent.totals,
      allocated: ledger.allocated(on: agent.slot), executors: agent.executors)
  }
}
