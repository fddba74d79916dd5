import Wire

extension SchedulerCall {
  /// What is wrong with the call by itself, in Mesos' words (protocol fact 24); nil when nothing is.
  public var problem: String? {
    guard hasType else { return "Expecting 'type' to be present" }
    if type == .subscribe {
      guard hasSubscribe else { return missing("subscribe") }
      return subscribe.frameworkInfo.id.value == frameworkID.value
        ? nil : "'framework_id' differs from 'subscribe.framework_info.id'"
    }
    guard hasFrameworkID else { return missing("framework_id") }
    return problemOfBody
  }

  private var problemOfBody: String? {
    switch type {
    case .accept: hasAccept ? nil : missing("accept")
    case .decline: hasDecline ? nil : missing("decline")
    case .acceptInverseOffers: hasAcceptInverseOffers ? nil : missing("accept_inverse_offers")
    case .declineInverseOffers: hasDeclineInverseOffers ? nil : missing("decline_inverse_offers")
    case .kill: hasKill ? nil : missing("kill")
    case .shutdown: hasShutdown ? nil : missing("shutdown")
    case .acknowledge: hasAcknowledge ? problem(ofUUID: acknowledge.uuid.count) : missing("acknowledge")
    case .acknowledgeOperationStatus:
      !hasAcknowledgeOperationStatus
        ? missing("acknowledge_operation_status")
        : problem(ofUUID: acknowledgeOperationStatus.uuid.count)
          ?? (acknowledgeOperationStatus.hasAgentID ? nil : missing("agent_id"))
    case .reconcile: hasReconcile ? nil : missing("reconcile")
    case .reconcileOperations: hasReconcileOperations ? nil : missing("reconcile_operations")
    case .message: hasMessage ? nil : missing("message")
    case .request: hasRequest ? nil : missing("request")
    case .updateFramework: problemOfUpdate
    case .revive, .suppress, .teardown, .subscribe, .unknown: nil
    }
  }

  private var problemOfUpdate: String? {
    guard hasUpdateFramework else { return missing("update_framework") }
    guard updateFramework.frameworkInfo.hasID else { return missing("update_framework.framework_info.id") }
    return updateFramework.frameworkInfo.id.value == frameworkID.value
      ? nil : "'framework_id' differs from 'update_framework.framework_info.id'"
  }

  private func missing(_ field: String) -> String { "Expecting '\(field)' to be present" }

  private func problem(ofUUID count: Int) -> String? { count == 16 ? nil : "Not a valid UUID" }
}
