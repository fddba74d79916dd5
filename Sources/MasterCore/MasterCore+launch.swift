import Resources
import Wire

extension MasterCore {
  /// Protocol fact 55: each task by itself.
  func launch(_ operation: MesosOffer.Operation, _ acceptance: inout Acceptance) {
    let tasks = operation.launch.taskInfos
    if operation.hasID {
      return fail(tasks, acceptance, .taskInvalid, "Operation ID cannot be set for LAUNCH")
    }
    for task in tasks {
      let check = TaskCheck(acceptance, isGroup: false)
      switch check.plan(task, executor: task.hasExecutor ? task.executor : nil, available: acceptance.available) {
      case .failure(let problem):
        tell(acceptance.framework, task, .taskError, .taskInvalid, problem.description)
      case .success(let plan):
        run([plan], isGroup: false, &acceptance)
      }
    }
  }

  /// Protocol fact 55: all tasks of the group or none.
  func launchGroup(_ operation: MesosOffer.Operation, _ acceptance: inout Acceptance) {
    let tasks = operation.launchGroup.taskGroup.tasks
    if operation.hasID {
      return fail(tasks, acceptance, .taskGroupInvalid, "Operation ID cannot be set for LAUNCH_GROUP")
    }
    var plans: [LaunchPlan] = []
    var rest = acceptance
    for task in tasks {
      let check = TaskCheck(acceptance, isGroup: true, launched: Set(plans.map(\.task.taskID.value)))
      switch check.plan(task, executor: operation.launchGroup.executor, available: rest.available) {
      case .failure(let problem):
        return fail(
          tasks, acceptance, .taskGroupInvalid, "Task '\(task.taskID.value)' is invalid: \(problem)")
      case .success(var plan):
        // One executor for all: only the first task brings it along.
        if !plans.isEmpty { plan.executorResources = nil }
        rest.remaining -= plan.resources
        if let executor = plan.executorResources { rest.remaining -= executor }
        plans.append(plan)
      }
    }
    if !plans.isEmpty { run(plans, isGroup: true, &acceptance) }
  }

  private func fail(
    _ tasks: [MesosTaskInfo], _ acceptance: Acceptance, _ reason: MesosTaskStatus.Reason, _ message: String
  ) {
    for task in tasks { tell(acceptance.framework, task, .taskError, reason, message) }
  }

  /// Books tasks that share an executor and sends them to the agent.
  private func run(_ plans: [LaunchPlan], isGroup: Bool, _ acceptance: inout Acceptance) {
    let framework = acceptance.framework
    let agent = acceptance.agent
    framework.agents.insert(agent.id)
    for plan in plans {
      // Each task has its own copy of a shared volume; the offer holds only one.
      let copies = plan.resources.shared - acceptance.remaining.shared
      ledger.allocate(copies, agent: agent.slot, framework: framework.slot)
      acceptance.remaining += copies
      let task = MasterTask(plan.task, framework: framework.id, agent: agent.id, resources: plan.resources)
      framework.tasks[task.id] = task
      agent.tasks[framework.id, default: []].insert(task.id)
      acceptance.remaining -= plan.resources
      if let executor = plan.executor, let resources = plan.executorResources {
        agent.executors[framework.id, default: [:]][executor.executorID.value] = .init(
          info: executor, resources: resources)
        acceptance.remaining -= resources
      }
    }
    metrics.tasksLaunched += plans.count
    var event = AgentEvent()
    event.run.frameworkInfo = framework.info
    if let executor = plans.first?.executor { event.run.executor = executor }
    event.run.tasks = plans.map(\.task)
    if isGroup { event.run.group = true }
    send(event, to: agent)
  }
}
