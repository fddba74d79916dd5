import Resources
import Wire

extension MasterCore {
  /// Protocol fact 55: each task by itself.
  func launch(_ operation: MesosOffer.Operation, _ acceptance: inout Acceptance) {
    let tasks = operation.launch.taskInfos
    if operation.hasID {
      return fail(tasks, acceptance, .taskInvalid, "The `id` field cannot be set on LAUNCH operations")
    }
    for var task in tasks {
      HealthCheckCheck.guessType(of: &task)
      let check = TaskCheck(acceptance, isGroup: false)
      do throws(ResourceError) {
        let executor = task.hasExecutor ? task.executor : nil
        let plan = try check.plan(task, executor: executor, available: acceptance.available)
        run([plan], isGroup: false, &acceptance)
      } catch {
        tell(acceptance.framework, task, .taskError, .taskInvalid, error.description)
      }
    }
  }

  /// Protocol fact 55: all tasks of the group or none.
  func launchGroup(_ operation: MesosOffer.Operation, _ acceptance: inout Acceptance) {
    let tasks = operation.launchGroup.taskGroup.tasks
    if operation.hasID {
      return fail(tasks, acceptance, .taskGroupInvalid, "The `id` field cannot be set on LAUNCH_GROUP operations")
    }
    guard !tasks.isEmpty else { return }
    do throws(ResourceError) {
      let plans = try TaskGroupCheck(acceptance).plans(tasks, executor: operation.launchGroup.executor)
      run(plans, isGroup: true, &acceptance)
    } catch {
      fail(tasks, acceptance, .taskGroupInvalid, error.description)
    }
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
      let task = MasterTask(plan, framework: framework.id, agent: agent.id)
      framework.tasks[task.id] = task
      tellAdded(task)
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
