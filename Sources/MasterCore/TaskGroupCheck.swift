import Resources
import Wire

/// Whether the tasks of a LAUNCH_GROUP may be launched together, in Mesos' order and words (protocol facts 55, 59, 63).
struct TaskGroupCheck {
  private let acceptance: MasterCore.Acceptance

  init(_ acceptance: MasterCore.Acceptance) { self.acceptance = acceptance }

  /// One plan a task; the first brings the executor along.
  func plans(_ tasks: [MesosTaskInfo], executor: MesosExecutorInfo) throws(ResourceError) -> [LaunchPlan] {
    var plans: [LaunchPlan] = []
    var ids: Set<String> = []
    for task in tasks {
      let check = TaskCheck(acceptance, isGroup: true, launched: ids)
      do throws(ResourceError) {
        if let problem = check.problem(of: task) { throw ResourceError(problem) }
        plans.append(try check.planWithoutExecutor(task))
      } catch {
        throw ResourceError("Task '\(task.taskID.value)' is invalid: \(error)")
      }
      ids.insert(task.taskID.value)
    }
    try add(executor, to: &plans, of: tasks)
    if let problem = problemOfSharing(tasks, executor) { throw ResourceError(problem) }
    return plans
  }

  /// What a group asks of each of its tasks beyond what every task must fulfil.
  static func problem(of task: MesosTaskInfo) -> String? {
    if !task.container.networkInfos.isEmpty && [.http, .tcp].contains(task.healthCheck.type) {
      return "HTTP and TCP health checks are not supported for nested containers not joining parent's network"
    }
    if task.hasContainer && task.container.type == .docker {
      return "Docker ContainerInfo is not supported on the task"
    }
    if !task.limits.isEmpty && task.container.linuxInfo.shareCgroups {
      return "Resource limits may only be set for tasks within a task group when the 'share_cgroups' field is set to "
        + "'false'."
    }
    return nil
  }

  // MARK: The executor

  private func add(
    _ executor: MesosExecutorInfo, to plans: inout [LaunchPlan], of tasks: [MesosTaskInfo]
  ) throws(ResourceError) {
    let check = TaskCheck(acceptance, isGroup: true)
    if let problem = check.problem(of: executor) ?? problem(of: executor, tasks) { throw ResourceError(problem) }
    let own = try check.resources(executor.resources)
    let (complete, added) = try check.complete(executor, own)
    if let problem = problemOfMinimum(own, executor) { throw ResourceError(problem) }
    try requireUsable(own, beside: plans.map(\.resources))
    for index in plans.indices { plans[index].executor = complete }
    plans[0].executorResources = added
    try requireAvailable(plans)
  }

  private func problem(of executor: MesosExecutorInfo, _ tasks: [MesosTaskInfo]) -> String? {
    if !executor.hasType { return "'ExecutorInfo.type' must be set" }
    if executor.type == .unknown { return "Unknown executor type" }
    if executor.hasContainer && executor.container.type == .docker {
      return "Docker ContainerInfo is not supported on the executor"
    }
    for task in tasks where task.hasExecutor && task.executor != executor {
      return "The `ExecutorInfo` of task '\(task.taskID.value)' is different from executor "
        + "'\(executor.executorID.value)'"
    }
    return nil
  }

  private func problemOfMinimum(_ own: Resources, _ executor: MesosExecutorInfo) -> String? {
    let id = executor.executorID.value
    func text(_ name: String, _ unit: String) -> String {
      own.contains { $0.name == name } ? "\(own.total(of: name))\(unit)" : "None"
    }
    if own.total(of: "cpus") < Quantity(0.01) {
      return "Executor '\(id)' uses less CPUs (\(text("cpus", ""))) than the minimum required (0.01)"
    }
    if own.total(of: "mem") < Quantity(32) {
      return "Executor '\(id)' uses less memory (\(text("mem", "MB"))) than the minimum required (32MB)"
    }
    return own.contains { $0.name == "disk" } ? nil : "Executor '\(id)' uses no disk"
  }

  private func requireUsable(_ own: Resources, beside tasks: [Resources]) throws(ResourceError) {
    if !own.shared.isEmpty {
      throw ResourceError("Executor resources \(own) should not contain any shared resources")
    }
    let total = Array(own) + tasks.flatMap { Array($0) }
    try TaskCheck.naming("Task group and executor use invalid resources") { () throws(ResourceError) in
      try total.validateUse()
    }
    // Each task may have its own copy of a shared volume.
    try TaskCheck.naming("Task group and executor use duplicate persistence ID") { () throws(ResourceError) in
      try total.filter { !$0.isShared }.validateUniqueVolumes()
    }
    try TaskCheck.naming("Task group and executor mix revocable and non-revocable resources") {
      () throws(ResourceError) in try total.validateRevocability()
    }
    let all = tasks + [own]
    for (index, left) in all.enumerated() {
      for right in all[(index + 1)...] where left.contains(where: { one in right.contains { one.overlaps($0) } }) {
        throw ResourceError(
          "There are overlapping resources in the task group's task resources \(tasks) and/or executor resources "
            + "\(own)")
      }
    }
  }

  private func requireAvailable(_ plans: [LaunchPlan]) throws(ResourceError) {
    var total = plans.first?.executorResources ?? Resources()
    // Any number of tasks may use a volume that is shared.
    for plan in plans { total += plan.resources.filter { !$0.isShared || !total.contains($0) } }
    guard acceptance.available.contains(total) else {
      throw ResourceError(
        "Total resources \(total) required by task group and its executor are more than available "
          + "\(acceptance.available)")
    }
  }

  // MARK: Cgroups

  /// All tasks of one executor share its cgroup, or none does.
  private func problemOfSharing(_ tasks: [MesosTaskInfo], _ executor: MesosExecutorInfo) -> String? {
    let ofExecutor = executor.container.linuxInfo
    if ofExecutor.hasShareCgroups && ofExecutor.shareCgroups {
      return "The 'share_cgroups' field cannot be set to 'true' on executor containers"
    }
    var all = tasks.map(\.container.linuxInfo.shareCgroups)
    let known = Array(acceptance.framework.tasks.values) + Array(acceptance.framework.unreachableTasks.values)
    for task in known where task.agentID == acceptance.agent.id && task.executorID == executor.executorID.value {
      all.append(task.extras?.container?.linuxInfo.shareCgroups ?? true)
    }
    guard Set(all).count > 1 else { return nil }
    return "If set, the value of 'share_cgroups' must be the same for all tasks in each task group and under a single "
      + "executor"
  }
}

/// What may be wrong with the limits of a task, in Mesos' words.
enum LimitsCheck {
  static func problem(of task: MesosTaskInfo) -> String? {
    guard task.limits.keys.allSatisfy({ $0 == "cpus" || $0 == "mem" }) else {
      return "Only cpus and mem may be included in a task's resource limits"
    }
    return problem("cpus", of: task, long: "CPU", short: "cpu")
      ?? problem("mem", of: task, long: "memory", short: "memory")
  }

  private static func problem(_ name: String, of task: MesosTaskInfo, long: String, short: String) -> String? {
    guard let limit = task.limits[name]?.value else { return nil }
    let requests = task.resources.filter { $0.name == name }
    if requests.isEmpty { return "When a \(long) limit is specified, a \(long) request must also be specified" }
    // Not a number is less than everything.
    return limit >= requests.reduce(0) { $0 + $1.scalar.value }
      ? nil : "The \(short) limit must be greater than or equal to the \(short) request"
  }

  static func problemOutsideOfGroups(_ task: MesosTaskInfo) -> String? {
    let linux = task.container.linuxInfo
    return linux.hasShareCgroups && !linux.shareCgroups
      ? "Only tasks in a task group may have 'share_cgroups' set to 'false'" : nil
  }
}
