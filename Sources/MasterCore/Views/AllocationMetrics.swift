import Resources
import Wire

/// What the allocator and operations are watched by, under Mesos' names.
extension MasterSnapshot {
  var allocationMetrics: [String: Double] {
    var values: [String: Double] = [:]
    var totals: [String: Quantity] = [:]
    var held: [String: Quantity] = [:]
    for agent in agents {
      for (name, amount) in agent.total.scalarTotals { totals[name, default: .zero] += amount }
      for (name, amount) in agent.allocated.scalarTotals { held[name, default: .zero] += amount }
    }
    for name in Set(totals.keys).union(["cpus", "mem", "disk"]) {
      values["allocator/mesos/resources/\(name)/total"] = totals[name]?.units ?? 0
      values["allocator/mesos/resources/\(name)/offered_or_allocated"] = held[name]?.units ?? 0
    }
    for (role, share) in dominantShares(of: totals) { values["allocator/mesos/roles/\(role)/shares/dominant"] = share }
    for (role, count) in filterCounts { values["allocator/mesos/offer_filters/roles/\(role)/active"] = Double(count) }
    values.merge(quotaMetrics) { $1 }
    values.merge(metrics.cycleTimes.figures("allocator/mesos/allocation_run_ms")) { $1 }
    return values
  }

  /// Of what a role and those below it use and were offered: the largest part of the cluster's amount of one kind, by the
  /// role's weight. It is the same measure for every policy, whatever that makes of it.
  private func dominantShares(of totals: [String: Quantity]) -> [String: Double] {
    let excluded = Set(configuration.allocation.excludedFromFairness)
    var held: [String: [String: Quantity]] = [:]
    for framework in frameworks {
      for role in framework.roles { held[role] = held[role] ?? [:] }
      for resource in framework.used + framework.offered {
        guard case .scalar(let amount) = resource.value, let role = resource.allocationRole else { continue }
        for role in Role.lineage(of: role) { held[role, default: [:]][resource.name, default: .zero] += amount }
      }
    }
    return Dictionary(
      uniqueKeysWithValues: held.map { role, amounts in
        let shares = amounts.compactMap { name, amount -> Double? in
          guard !excluded.contains(name), let total = totals[name], total > .zero else { return nil }
          return amount.units / total.units
        }
        return (role, (shares.max() ?? 0) / (weights[role] ?? 1))
      })
  }

  private var quotaMetrics: [String: Double] {
    var values: [String: Double] = [:]
    for (role, config) in quotas {
      let prefix = "allocator/mesos/quota/roles/\(role)/resources"
      for (name, amount) in config.guarantees { values["\(prefix)/\(name)/guarantee"] = amount.value }
      for (name, amount) in config.limits { values["\(prefix)/\(name)/limit"] = amount.value }
    }
    for (role, amounts) in consumedQuotas {
      for (name, amount) in amounts {
        values["allocator/mesos/quota/roles/\(role)/resources/\(name)/consumed"] = amount.units
      }
    }
    return values
  }

  private static let operationTypes: [MesosOffer.Operation.TypeEnum] = [
    .reserve, .unreserve, .create, .destroy, .growVolume, .shrinkVolume, .createDisk, .destroyDisk,
  ]
  private static let operationStates: [MesosOperationState] = [
    .operationPending, .operationFinished, .operationFailed, .operationError, .operationDropped,
    .operationGoneByOperator, .operationUnreachable, .operationRecovering,
  ]

  /// Operations under way and those that have ended since the master started, all together and by type.
  var operationMetrics: [String: Double] {
    var counts = metrics.operationEnds
    for operation in operations where !operation.status.state.isTerminal {
      counts[operation.info.type, default: [:]][operation.status.state, default: 0] += 1
    }
    var values: [String: Double] = ["master/operations/total": 0]
    for state in Self.operationStates {
      let text = state.protocolName.lowercased().dropFirst("operation_".count)
      values["master/operations/\(text)"] = 0
      for type in Self.operationTypes {
        let (name, count) = (type.protocolName.lowercased(), Double(counts[type]?[state] ?? 0))
        values["master/operations/\(name)/\(text)"] = count
        values["master/operations/\(name)/total", default: 0] += count
        values["master/operations/\(text)", default: 0] += count
        values["master/operations/total", default: 0] += count
      }
    }
    return values
  }
}
