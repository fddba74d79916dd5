import Resources
import Wire

extension MasterSnapshot {
  /// The answer to a call of the operator API that only reads and has a short answer; nil for any other (protocol fact
  /// 117).
  public func answer(_ call: MesosMasterCall) -> MesosMasterResponse? {
    var response = MesosMasterResponse()
    switch call.type {
    case .getHealth:
      response.type = .getHealth
      response.getHealth.healthy = true
    case .getWeights:
      response.type = .getWeights
      if weights.isEmpty { return response }
      response.getWeights.weightInfos = weights.sorted { $0.key < $1.key }.map { role, weight in
        .with {
          $0.role = role
          $0.weight = weight
        }
      }
    case .getQuota:
      response.type = .getQuota
      response.getQuota.status = MesosQuotaStatus()
      for (_, config) in quotas.sorted(by: { $0.key < $1.key }) {
        response.getQuota.status.configs.append(config)
        response.getQuota.status.infos.append(config.info)
      }
    case .getMaintenanceSchedule:
      response.type = .getMaintenanceSchedule
      response.getMaintenanceSchedule.schedule = maintenanceSchedule
    case .getMaintenanceStatus:
      response.type = .getMaintenanceStatus
      response.getMaintenanceStatus.status = maintenanceStatus
    case .getMaster:
      response.type = .getMaster
      response.getMaster.masterInfo = configuration.masterInfo
      response.getMaster.startTime = startedSeconds
      response.getMaster.electedTime = startedSeconds
    case .getRoles:
      response.type = .getRoles
      response.getRoles.roles = roleMessages
    case .getVersion:
      response.type = .getVersion
      response.getVersion.versionInfo.version = configuration.version
    default: return nil
    }
    return response
  }

  /// /metrics/snapshot as a list.
  public static func answer(metrics: ViewValue) -> MesosMasterResponse {
    var response = MesosMasterResponse()
    response.type = .getMetrics
    response.getMetrics = .init()
    guard case .object(let values) = metrics else { return response }
    for (name, value) in values.sorted(by: { $0.key < $1.key }) {
      guard case .number(let number) = value else { continue }
      response.getMetrics.metrics.append(
        .with {
          $0.name = name
          $0.value = number
        })
    }
    return response
  }

  private var roleMessages: [MesosRole] {
    let holdings = RoleHoldings(frameworks)
    return roleNames(holdings).map { name in
      .with { role in
        role.name = name
        role.weight = weights[name] ?? 1
        role.frameworks = (holdings.members[name] ?? []).map { id in .with { $0.value = id } }
        let held = (holdings.used[name] ?? Resources()) + (holdings.offered[name] ?? Resources())
        role.resources = ["cpus", "disk", "gpus", "mem"].compactMap { kind in
          let total = held.total(of: kind)
          guard total > .zero else { return nil }
          return .with {
            $0.name = kind
            $0.type = .scalar
            $0.scalar.value = total.units
          }
        }
      }
    }
  }
}

extension MesosQuotaConfig {
  /// The older form, which knows guarantees only.
  fileprivate var info: MesosQuotaInfo {
    .with { info in
      info.role = role
      info.guarantee = guarantees.sorted { $0.key < $1.key }.map { name, amount in
        .with {
          $0.name = name
          $0.type = .scalar
          $0.scalar = amount
        }
      }
    }
  }
}
