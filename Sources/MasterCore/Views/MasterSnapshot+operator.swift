import Wire

extension MasterSnapshot {
  /// The answer to a call of the operator API that only reads; nil for a call that does not (protocol fact 117).
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
    default: return nil
    }
    return response
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
