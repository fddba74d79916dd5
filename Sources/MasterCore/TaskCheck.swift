import Resources
import Wire

/// A task that may run, as it goes to its agent.
struct LaunchPlan {
  /// With the role of the offer in its resources, and without an executor.
  var task: MesosTaskInfo
  /// Allocated to the role of the offer, like those of the executor.
  var resources: Resources
  var executor: MesosExecutorInfo?
  /// nil when the executor is there already (protocol fact 63).
  var executorResources: Resources?
}

/// Whether a task may be launched, in Mesos' order and words (protocol fact 60).
struct TaskCheck {
  private let acceptance: MasterCore.Acceptance
  private let isGroup: Bool
  /// Ids that the same operation has used so far.
  private let launched: Set<String>

  init(_ acceptance: MasterCore.Acceptance, isGroup: Bool, launched: Set<String> = []) {
    self.acceptance = acceptance
    self.isGroup = isGroup
    self.launched = launched
  }

  /// A task of a LAUNCH, by itself.
  func plan(
    _ task: MesosTaskInfo, executor: MesosExecutorInfo?, available: Resources
  ) throws(ResourceError) -> LaunchPlan {
    if let problem = problem(of: task) ?? executor.flatMap(problem(of:)) { throw ResourceError(problem) }
    var plan = try planWithoutExecutor(task)
    if let executor { try add(executor, to: &plan) }
    let needed = plan.resources + (plan.executorResources ?? Resources())
    guard available.contains(needed) else {
      throw ResourceError(
        "Total resources \(needed) required by task and its executor is more than available \(available)")
    }
    return plan
  }

  func problem(of task: MesosTaskInfo) -> String? {
    let id = task.taskID.value
    if let problem = Identifier.problem(id) ?? problemOfReuse(id) ?? problemOfAgent(task) { return problem }
    if let problem = problemOfTimes(task) ?? problemOfChecks(task) ?? problemOfCommand(task) { return problem }
    if task.resources.isEmpty { return "Task uses no resources" }
    return LimitsCheck.problem(of: task)
      ?? (isGroup ? TaskGroupCheck.problem(of: task) : LimitsCheck.problemOutsideOfGroups(task))
  }

  private func problemOfChecks(_ task: MesosTaskInfo) -> String? {
    if task.hasHealthCheck, let problem = HealthCheckCheck.problem(task.healthCheck) { return problem }
    return task.hasCheck ? HealthCheckCheck.problem(task.check) : nil
  }

  /// Protocol fact 62.
  private func problemOfReuse(_ id: String) -> String? {
    if acceptance.framework.tasks[id] != nil || launched.contains(id) { return "Task has duplicate ID: \(id)" }
    return acceptance.framework.unreachableTasks[id] == nil ? nil : "Task reuses the ID of an unreachable task: \(id)"
  }

  private func problemOfAgent(_ task: MesosTaskInfo) -> String? {
    let expected = acceptance.agent.id
    return task.agentID.value == expected
      ? nil : "Task uses invalid agent \(task.agentID.value) while agent \(expected) is expected"
  }

  private func problemOfTimes(_ task: MesosTaskInfo) -> String? {
    if task.killPolicy.gracePeriod.nanoseconds < 0 {
      return "Task's 'kill_policy.grace_period' must be non-negative"
    }
    return task.maxCompletionTime.nanoseconds < 0 ? "Task's `max_completion_time` must be non-negative" : nil
  }

  private func problemOfCommand(_ task: MesosTaskInfo) -> String? {
    if !isGroup && task.hasCommand == task.hasExecutor {
      return "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
    }
    return task.hasCommand ? CommandCheck.problem(task.command).map { "Task's `CommandInfo` is invalid: \($0)" } : nil
  }

  func problem(of executor: MesosExecutorInfo) -> String? {
    if let problem = Identifier.problem(executor.executorID.value) { return problem }
    if executor.hasFrameworkID ? executor.frameworkID.value != acceptance.framework.id : isGroup {
      return "ExecutorInfo has an invalid FrameworkID (Actual: \(executor.frameworkID.value) "
        + "vs Expected: \(acceptance.framework.id))"
    }
    if executor.shutdownGracePeriod.nanoseconds < 0 {
      return "ExecutorInfo's 'shutdown_grace_period' must be non-negative"
    }
    switch executor.type {
    case .default where executor.hasCommand: return "'ExecutorInfo.command' must not be set for 'DEFAULT' executor"
    case .default where executor.hasContainer && executor.container.type != .mesos:
      return "'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor"
    case .default where executor.container.mesos.hasImage:
      return "'ExecutorInfo.container.mesos.image' must not be set for 'DEFAULT' executor"
    case .custom where !executor.hasCommand: return "'ExecutorInfo.command' must be set for 'CUSTOM' executor"
    case .unknown where !executor.hasCommand: return "'ExecutorInfo.command' must be set"
    default: break
    }
    return executor.hasCommand
      ? CommandCheck.problem(executor.command).map { "Executor's `CommandInfo` is invalid: \($0)" } : nil
  }

  /// Of a task whose fields are in order.
  func planWithoutExecutor(_ task: MesosTaskInfo) throws(ResourceError) -> LaunchPlan {
    var plan = LaunchPlan(task: task, resources: try resources(task.resources), executor: nil, executorResources: nil)
    plan.task.clearExecutor()
    plan.task.resources = plan.resources.wire(.stack)
    try requireUsable(plan.resources)
    return plan
  }

  private func add(_ executor: MesosExecutorInfo, to plan: inout LaunchPlan) throws(ResourceError) {
    let own = try resources(executor.resources)
    try requireUsable(own, beside: plan.resources)
    (plan.executor, plan.executorResources) = try complete(executor, own)
  }

  /// The executor as it goes to the agent, with its resources if it is not there yet.
  func complete(
    _ executor: MesosExecutorInfo, _ own: Resources
  ) throws(ResourceError) -> (MesosExecutorInfo, Resources?) {
    var executor = executor
    executor.frameworkID.value = acceptance.framework.id
    executor.resources = own.wire(.stack)
    let existing = acceptance.agent.executors[acceptance.framework.id]?[executor.executorID.value]
    guard let existing else { return (executor, own) }
    try requireCompatible(executor, existing.info)
    return (executor, nil)
  }

  /// Reads resources and puts them into the role of the offer where they name none (protocol fact 58).
  func resources(_ messages: [MesosResource]) throws(ResourceError) -> Resources {
    var resources: [Resource] = []
    for message in messages {
      var resource = try Resource(wire: message)
      if resource.allocationRole == nil { resource.allocationRole = acceptance.role }
      resources.append(resource)
    }
    return Resources(resources)
  }

  private func requireUsable(_ resources: Resources) throws(ResourceError) {
    try Self.naming("Task uses invalid resources") { () throws(ResourceError) in try resources.validateUse() }
    try Self.naming("Task uses duplicate persistence ID") { () throws(ResourceError) in
      try resources.validateUniqueVolumes()
    }
    try Self.naming("Invalid task resources") { () throws(ResourceError) in try resources.validateOneRole() }
    try Self.naming("Task mixes revocable and non-revocable resources") { () throws(ResourceError) in
      try resources.validateRevocability()
    }
  }

  /// Of an executor and the task that brings it along.
  private func requireUsable(_ own: Resources, beside task: Resources) throws(ResourceError) {
    if !own.shared.isEmpty {
      throw ResourceError("Executor resources \(own) should not contain any shared resources")
    }
    let total = Array(task) + Array(own)
    try Self.naming("Task and its executor use invalid resources") { () throws(ResourceError) in
      try total.validateUse()
    }
    for left in task {
      for right in own where left.overlaps(right) {
        throw ResourceError(
          "There are overlapping resources in the task resources \(task) and executor resources \(own)")
      }
    }
    try Self.naming("Task and its executor use duplicate persistence ID") { () throws(ResourceError) in
      try total.validateUniqueVolumes()
    }
    try Self.naming("Task and its executor mix revocable and non-revocable resources") { () throws(ResourceError) in
      try total.validateRevocability()
    }
  }

  static func naming(
    _ what: String, _ check: () throws(ResourceError) -> Void
  ) throws(ResourceError) {
    do { try check() } catch { throw ResourceError("\(what): \(error)") }
  }

  private func requireCompatible(_ executor: MesosExecutorInfo, _ existing: MesosExecutorInfo) throws(ResourceError) {
    guard executor != existing else { return }
    throw ResourceError(
      "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.\n"
        + "------------------------------------------------------------\n"
        + "Existing ExecutorInfo:\n\(existing.textFormatString())\n"
        + "------------------------------------------------------------\n"
        + "ExecutorInfo:\n\(executor.textFormatString())\n"
        + "------------------------------------------------------------\n")
  }
}
