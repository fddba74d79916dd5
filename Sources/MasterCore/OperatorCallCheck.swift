import Wire

extension MesosMasterCall {
  /// What is missing in a call, in Mesos' words; nil when it is complete (protocol facts 24 and 118).
  public var problem: String? {
    guard hasType else { return "Expecting 'type' to be present" }
    let body: (name: String, isPresent: Bool)? =
      switch type {
      case .setLoggingLevel: ("set_logging_level", hasSetLoggingLevel)
      case .listFiles: ("list_files", hasListFiles)
      case .readFile: ("read_file", hasReadFile)
      case .updateWeights: ("update_weights", hasUpdateWeights)
      case .reserveResources: ("reserve_resources", hasReserveResources)
      case .unreserveResources: ("unreserve_resources", hasUnreserveResources)
      case .createVolumes: ("create_volumes", hasCreateVolumes)
      case .destroyVolumes: ("destroy_volumes", hasDestroyVolumes)
      case .growVolume: ("grow_volume", hasGrowVolume)
      case .shrinkVolume: ("shrink_volume", hasShrinkVolume)
      case .updateMaintenanceSchedule: ("update_maintenance_schedule", hasUpdateMaintenanceSchedule)
      case .startMaintenance: ("start_maintenance", hasStartMaintenance)
      case .stopMaintenance: ("stop_maintenance", hasStopMaintenance)
      case .drainAgent: ("drain_agent", hasDrainAgent)
      case .deactivateAgent: ("deactivate_agent", hasDeactivateAgent)
      case .reactivateAgent: ("reactivate_agent", hasReactivateAgent)
      case .updateQuota: ("update_quota", hasUpdateQuota)
      case .setQuota: ("set_quota", hasSetQuota)
      case .removeQuota: ("remove_quota", hasRemoveQuota)
      case .teardown: ("teardown", hasTeardown)
      case .markAgentGone: ("mark_agent_gone", hasMarkAgentGone)
      case .unknown, .getHealth, .getFlags, .getVersion, .getMetrics, .getLoggingLevel, .getState, .getAgents,
        .getFrameworks, .getExecutors, .getOperations, .getTasks, .getRoles, .getWeights, .getMaster, .subscribe,
        .getMaintenanceStatus, .getMaintenanceSchedule, .getQuota, .getModules:
        nil
      }
    guard let body, !body.isPresent else {
      let lacksAgent =
        type == .growVolume && !growVolume.hasAgentID || type == .shrinkVolume && !shrinkVolume.hasAgentID
      return lacksAgent
        ? "Expecting 'agent_id' to be present; only agent default resources are supported right now" : nil
    }
    return "Expecting '\(body.name)' to be present"
  }
}
