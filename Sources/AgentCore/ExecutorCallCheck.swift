import Wire

/// What is wrong with an executor's call, in the words of Mesos (protocol fact 96); nil for nothing.
enum ExecutorCallCheck {
  static func problem(of call: ExecutorCall) -> String? {
    guard call.hasType else { return "Expecting 'type' to be present" }
    switch call.type {
    case .subscribe: return call.hasSubscribe ? nil : "Expecting 'subscribe' to be present"
    case .message: return call.hasMessage ? nil : "Expecting 'message' to be present"
    case .heartbeat: return nil
    case .unknown: return "Unknown call type"
    case .update:
      guard call.hasUpdate else { return "Expecting 'update' to be present" }
      return problem(of: call.update.status) ?? envelopeProblem(of: call)
    }
  }

  /// What can be told from a status alone.
  static func problem(of status: MesosTaskStatus) -> String? {
    guard status.hasUuid else { return "Expecting 'uuid' to be present" }
    guard status.uuid.count == 16 else { return "Not a valid UUID" }
    return nil
  }

  private static func envelopeProblem(of call: ExecutorCall) -> String? {
    let status = call.update.status
    let sender = "executor \(call.executorID.value) of framework \(call.frameworkID.value)"
    if status.hasExecutorID && status.executorID.value != call.executorID.value {
      return "ExecutorID in Call: \(call.executorID.value) does not match ExecutorID in TaskStatus: "
        + status.executorID.value
    }
    guard status.source == .executor, status.hasSource else {
      return "Received Call from \(sender) with invalid source, expecting 'SOURCE_EXECUTOR'"
    }
    guard status.state != .taskStaging else {
      return "Received TASK_STAGING from \(sender) which is not allowed"
    }
    return nil
  }
}
