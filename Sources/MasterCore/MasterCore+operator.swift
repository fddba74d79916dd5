import Wire

extension MasterCore {
  /// A change that an operator asks for, by the operator API or by an older endpoint that was translated into it.
  /// Calls that only read never come here.
  func handle(_ call: MesosMasterCall, from connection: ConnectionID) {
    if let problem = call.problem {
      return respond(connection, 400, "Failed to validate master::Call: \(problem)")
    }
    switch call.type {
    case .teardown: teardown(call.teardown.frameworkID.value, from: connection)
    case .updateWeights: updateWeights(call.updateWeights.weightInfos, from: connection)
    case .reserveResources, .unreserveResources, .createVolumes, .destroyVolumes, .growVolume, .shrinkVolume:
      operate(call, from: connection)
    case .updateQuota: updateQuota(call.updateQuota, from: connection)
    case .setQuota: setQuota(call.setQuota.quotaRequest, from: connection)
    case .removeQuota: removeQuota(ofRole: call.removeQuota.role, from: connection)
    case .drainAgent: drain(call.drainAgent, from: connection)
    case .deactivateAgent: deactivate(call.deactivateAgent.agentID.value, from: connection)
    case .reactivateAgent: reactivate(call.reactivateAgent.agentID.value, from: connection)
    case .updateMaintenanceSchedule: updateSchedule(call.updateMaintenanceSchedule.schedule, from: connection)
    case .startMaintenance: startMaintenance(of: call.startMaintenance.machines, from: connection)
    case .stopMaintenance: stopMaintenance(of: call.stopMaintenance.machines, from: connection)
    case .subscribe: subscribeOperator(connection)
    case .markAgentGone: markGone(call.markAgentGone.agentID.value, from: connection)
    default: respond(connection, 501, "This master does not know the call \(call.type.protocolName)")
    }
  }
}
