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

  func plan(
    _ task: MesosTaskInfo, executor: MesosExecutorInfo?, available: Resources
  ) -> Result<LaunchPlan, ResourceError> {
    if let problem = problem(of: task) { return .failure(ResourceError(problem)) }
    if let problem = executor.flatMap(problem(of:)) { return .failure(ResourceError(problem)) }
    do {
      return .success(try makePlan(task, executor, available))
    } catch {
      return .failure(error)
    }
  }

  private func problem(of task: MesosTaskInfo) -> String? {
    let id = task.taskID.value
    return Identifier.problem(id) ?? problemOfReuse(id) ?? problemOfAgent(task) ?? problemOfTimes(task)
      ?? (task.hasHealthCheck ? HealthCheckCheck.problem(task.healthCheck) : nil)
      ?? (task.hasCheck ? HealthCheckCheck.problem(task.check) : nil) ?? problemOfCommand(task)
      ?? (task.resources.isEmpty ? "Task uses no resources" : nil)
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
    if isGroup {
      if task.hasExecutor { return "'TaskInfo.executor' must not be set" }
    } else if task.hasCommand == task.hasExecutor {
      return "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
    }
    return task.hasCommand ? CommandCheck.problem(task.command).map { "Task's `CommandInfo` is invalid: \($0)" } : nil
  }

  private func problem(of executor: MesosExecutorInfo) -> String? {
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
    case .custom where !executor.hasCommand: return "'ExecutorInfo.command' must be set for 'CUSTOM' executor"
    case .unknown where !executor.hasCommand: return "'ExecutorInfo.command' must be set"
    default: break
    }
    return executor.hasCommand
      ? CommandCheck.problem(executor.command).map { "Executor's `CommandInfo` is invalid: \($0)" } : nil
  }

  private func makePlan(
    _ task: MesosTaskInfo, _ executor: MesosExecutorInfo?, _ available: Resources
  ) throws(ResourceError) -> LaunchPlan {
    var plan = LaunchPlan(task: task, resources: try resources(task.resources), executor: nil, executorResources: nil)
    plan.task.clearExecutor()
    plan.task.resources = plan.resources.wire(.stack)
    try requireUsable(plan.resources)
    var needed = plan.resources
    if var executor {
      executor.frameworkID.value = acceptance.framework.id
      let own = try resources(executor.resources)
      executor.resources = own.wire(.stack)
      try requireUsable(own, beside: plan.resources)
      if let existing = acceptance.agent.executors[acceptance.framework.id]?[executor.executorID.value] {
        try requireCompatible(executor, existing.info)
      } else {
        try requireMinimum(own)
        plan.executorResources = own
        needed += own
      }
      plan.executor = executor
    }
    guard available.contains(needed) else {
      throw ResourceError(
        "Total resources \(needed) required by task and its executor is more than available \(available)")
    }
    return plan
  }

  /// Reads resources and puts them into the role of the offer where they name none (protocol fact 58).
  private func resources(_ messages: [MesosResource]) throws(ResourceError) -> Resources {
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

  private static func naming(
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

  /// Protocol fact 63.
  private func requireMinimum(_ resources: Resources) throws(ResourceError) {
    guard isGroup else { return }
    for (name, least) in [("cpus", Quantity(0.01)), ("mem", Quantity(32)), ("disk", Quantity(0.001))]
    where resources.total(of: name) < least {
      throw ResourceError("Executor resources \(resources) are less than the minimum \(name) of \(least)")
    }
  }
}
