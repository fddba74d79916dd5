import Wire

extension MasterSnapshot {
  /// As it was last set, without the machines that were brought up since.
  public var maintenanceSchedule: MesosMaintenanceSchedule { maintenance.schedule }

  /// Machines that are not up, in the order of the schedule. Of draining ones also what frameworks said to inverse offers
  /// of the agents there; who has not answered is not listed, as in Mesos.
  public var maintenanceStatus: MesosMaintenanceClusterStatus {
    if maintenance.isEmpty { return MesosMaintenanceClusterStatus() }
    var answers: [Machine: [MesosMaintenanceInverseOfferStatus]] = [:]
    for agent in agents {
      guard let own = inverseOfferAnswers[agent.id] else { continue }
      answers[agent.machine, default: []] += own
    }
    return .with { status in
      for id in maintenance.machines {
        if maintenance.mode(of: Machine(id)) == .down {
          status.downMachines.append(id)
        } else {
          status.drainingMachines.append(
            .with {
              $0.id = id
              $0.statuses = answers[Machine(id)] ?? []
            })
        }
      }
    }
  }
}
