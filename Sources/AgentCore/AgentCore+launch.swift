import Wire

/// From a master's order to a container.
extension AgentCore {
  mutating func run(_ run: AgentEvent.Run) {
    let id = run.frameworkInfo.id.value
    guard ending == nil, agentID != nil, Self.isPathComponent(id) else {
      log(.warning, "Ignoring tasks of framework '\(id)': the agent is ending, or the framework's id is not valid")
      return
    }
    let framework = admit(run.frameworkInfo)
    guard !framework.isTerminating else {
      log(.warning, "Ignoring tasks of framework \(id): it is being shut down")
      return
    }
    let host: TaskHost = !run.hasExecutor ? .none : run.executor.type == .default ? .pod : .executor
    let tasks =
      run.group
      ? acceptedGroup(run.tasks, in: host, of: framework) : run.tasks.filter { accepts($0, in: host, of: framework) }
    if run.hasExecutor {
      launch(tasks, on: run.executor, of: framework, asGroup: run.group)
    } else {
      for task in tasks { launchCommand(task, of: framework) }
    }
    // Nothing of it may have been accepted.
    retireIfDone(framework)
  }

  /// What a task runs in.
  private enum TaskHost {
    /// A container of its own.
    case none
    /// A container of its own within that of a pod.
    case pod
    /// Whatever an executor of the framework's makes of it.
    case executor
  }

  private mutating func admit(_ info: MesosFrameworkInfo) -> Framework {
    if let framework = frameworks[info.id.value] {
      framework.info = info
      return framework
    }
    let framework: Framework
    if let index = completedFrameworks.firstIndex(where: { $0.id == info.id.value }) {
      framework = completedFrameworks.remove(at: index)
      framework.info = info
    } else {
      framework = Framework(info: info)
    }
    frameworks[framework.id] = framework
    persist(framework)
    return framework
  }

  /// The master validates tasks; here are only the checks that guard this agent's own maps and paths.
  private mutating func accepts(_ task: MesosTaskInfo, in host: TaskHost, of framework: Framework) -> Bool {
    if isHere(task, of: framework) { return false }
    guard let problem = self.problem(of: task, in: host) else { return true }
    refuse(task.taskID, of: framework, problem)
    return false
  }

  /// All tasks of a group, or none.
  private mutating func acceptedGroup(
    _ tasks: [MesosTaskInfo], in host: TaskHost, of framework: Framework
  ) -> [MesosTaskInfo] {
    for task in tasks where isHere(task, of: framework) { return [] }
    for task in tasks {
      guard let problem = self.problem(of: task, in: host) else { continue }
      refuse(tasks, of: framework, reason: .taskGroupInvalid, "Task '\(task.taskID.value)' is invalid: \(problem)")
      return []
    }
    return tasks
  }

  private mutating func isHere(_ task: MesosTaskInfo, of framework: Framework) -> Bool {
    let id = task.taskID.value
    guard framework.tasks[id] != nil else { return false }
    log(.warning, "Ignoring task '\(id)' of framework \(framework.id): it is already here")
    return true
  }

  private func problem(of task: MesosTaskInfo, in host: TaskHost) -> String? {
    let id = task.taskID.value
    guard Self.isPathComponent(id) else { return "'\(id)' is not a valid task id" }
    if let problem = Self.problemOfVolumes(task.resources) { return problem }
    // The ContainerInfo of a task with an executor of its framework's is told to that executor, and asks nothing of the
    // agent, as in Mesos.
    if host == .executor { return nil }
    return SharedPath.problem(of: task, inPod: host == .pod) ?? problem(of: task.container, given: task.hasContainer)
  }

  /// What this agent cannot do of a ContainerInfo.
  private func problem(of info: MesosContainerInfo, given: Bool) -> String? {
    guard given else { return nil }
    do {
      _ = try ContainerSetup(info, rootDirectory: configuration.rootDirectory)
      return nil
    } catch {
      return error.reason
    }
  }

  /// It was checked when the executor was accepted; what a restart with other flags makes impossible is left away, for
  /// that container runs already.
  func setup(of executor: Executor) -> ContainerSetup {
    executor.info.hasContainer ? setup(of: executor.info.container) : ContainerSetup()
  }

  private func setup(of info: MesosContainerInfo) -> ContainerSetup {
    (try? ContainerSetup(info, rootDirectory: configuration.rootDirectory)) ?? ContainerSetup()
  }

  /// Of a task within a pod.
  func setup(ofNested task: AgentTask) -> ContainerSetup {
    guard task.info.hasContainer else { return ContainerSetup() }
    var setup = setup(of: task.info.container)
    // It means the pod's processes, not the machine's.
    setup.sharesHostPID = false
    return setup
  }

  private mutating func refuse(
    _ tasks: [MesosTaskInfo], of framework: Framework, reason: MesosTaskStatus.Reason, _ problem: String
  ) {
    for task in tasks { refuse(task.taskID, of: framework, reason: reason, problem) }
  }

  /// Protocol fact 61, as far as paths depend on it.
  static func isPathComponent(_ id: String) -> Bool {
    !id.isEmpty && id.utf8.count <= 255 && id != "." && id != ".." && !id.utf8.contains { $0 == 0x2f || $0 < 0x20 }
  }

  /// An answer for a task that never got a place on the agent: no uuid, so nobody acknowledges it (protocol fact 66).
  mutating func refuse(
    _ id: MesosTaskID, of framework: Framework, state: MesosTaskState = .taskError,
    reason: MesosTaskStatus.Reason = .taskInvalid, _ message: String
  ) {
    var status = MesosTaskStatus()
    status.taskID = id
    status.state = state
    status.source = .agent
    status.reason = reason
    status.message = message
    status.timestamp = Double(now) / 1e9
    if let agentID { status.agentID = .with { $0.value = agentID } }
    tellMaster(
      .update(
        .with {
          $0.frameworkID = framework.info.id
          $0.status = status
          $0.latestState = state
        }))
  }

  // MARK: Command tasks

  private mutating func launchCommand(_ task: MesosTaskInfo, of framework: Framework) {
    guard framework.executors[task.taskID.value] == nil else {
      refuse(task.taskID, of: framework, "An executor of this framework on this agent has the task's id")
      return
    }
    let executor = add(Self.commandExecutor(for: task, of: framework), isCommandTask: true, to: framework)
    add(task, to: executor, group: nil)
    launch(executor)
  }

  /// The agent plays the executor itself, so unlike in Mesos (protocol fact 64) nothing is added to the task's resources.
  private static func commandExecutor(for task: MesosTaskInfo, of framework: Framework) -> MesosExecutorInfo {
    let words = ContainerLaunch.words(of: task.command)
    var text = words.arguments.joined(separator: " ")
    if task.command.shell { text = "sh -c '\(task.command.value)'" }
    if text.utf8.count > 60 { text = text.prefix(57) + "..." }
    return .with {
      $0.executorID.value = task.taskID.value
      $0.frameworkID = framework.info.id
      $0.command = task.command
      $0.resources = task.resources
      if task.hasContainer { $0.container = task.container }
      $0.name = "Command Executor (Task: \(task.taskID.value)) (Command: \(text))"
      $0.source = task.taskID.value
    }
  }

  // MARK: Executors of frameworks

  private mutating func launch(
    _ tasks: [MesosTaskInfo], on info: MesosExecutorInfo, of framework: Framework, asGroup: Bool
  ) {
    let id = info.executorID.value
    if let executor = framework.executors[id] {
      give(tasks, to: executor, asGroup: asGroup)
      return
    }
    if let problem = self.problem(of: info) {
      refuse(tasks, of: framework, reason: asGroup ? .taskGroupInvalid : .taskInvalid, problem)
      return
    }
    guard !tasks.isEmpty else { return }
    var complete = info
    complete.frameworkID = framework.info.id
    let executor = add(complete, isCommandTask: false, to: framework)
    give(tasks, to: executor, asGroup: asGroup)
    launch(executor)
  }

  private func problem(of info: MesosExecutorInfo) -> String? {
    let id = info.executorID.value
    guard Self.isPathComponent(id) else { return "'\(id)' is not a valid executor id" }
    if info.type != .default && !info.hasCommand {
      return "Executor '\(id)' cannot be launched: only one of type DEFAULT can do without a command"
    }
    return Self.problemOfVolumes(info.resources) ?? problem(of: info.container, given: info.hasContainer)
  }

  /// Hands tasks to an executor that exists, now or when it subscribes.
  private mutating func give(_ infos: [MesosTaskInfo], to executor: Executor, asGroup: Bool) {
    let group = asGroup && !infos.isEmpty ? nextTaskSequence : nil
    let tasks = infos.map { add($0, to: executor, group: group) }
    if executor.isCommandTask || executor.isTerminating || executor.hasExited {
      let state = executor.framework.stateOfDropped
      for task in tasks {
        report(task, state, source: .agent, reason: .executorTerminated, message: "Executor is terminating")
      }
      return
    }
    resize(executor)
    let batches = asGroup ? [tasks] : tasks.map { [$0] }
    for batch in batches where !batch.isEmpty {
      if executor.isPod && executor.pid != nil {
        start(batch)
      } else if executor.stream != nil {
        deliver(batch, to: executor)
      } else {
        executor.queue.append(batch)
      }
    }
  }

  /// Sends LAUNCH or, for a group, LAUNCH_GROUP to a subscribed executor.
  ///
  /// Its volumes come first; the tasks wait in the queue until they are there.
  mutating func deliver(_ batch: [AgentTask], to executor: Executor) {
    let volumes = batch.flatMap { self.volumes(in: $0.info.resources) }
    guard let first = batch.first, !volumes.isEmpty else { return hand(batch, to: executor) }
    executor.queue.append(batch)
    emit(
      .addVolumes(
        AddedVolumes(
          containerID: executor.containerID, batch: first.sequence, sandbox: sandbox(of: executor), user: executor.user,
          volumes: volumes, isRooted: setup(of: executor).root != nil)))
  }

  mutating func hand(_ batch: [AgentTask], to executor: Executor) {
    guard let stream = executor.stream, let first = batch.first else { return }
    var event = ExecutorEvent()
    if first.group != nil {
      event.type = .launchGroup
      event.launchGroup.taskGroup.tasks = batch.map(\.info)
    } else {
      event.type = .launch
      event.launch.task = first.info
    }
    for task in batch {
      task.isDelivered = true
      persistProgress(of: task)
    }
    emit(.sendToExecutor(stream, event))
  }

  // MARK: Both

  private mutating func add(_ info: MesosExecutorInfo, isCommandTask: Bool, to framework: Framework) -> Executor {
    let executor = Executor(
      framework: framework, info: info, container: Container(uuidText()), isCommandTask: isCommandTask,
      user: user(of: info, framework))
    framework.executors[executor.id] = executor
    containers[executor.containerID] = executor
    persist(executor)
    return executor
  }

  func user(of info: MesosExecutorInfo, _ framework: Framework) -> String? {
    guard configuration.switchesUser else { return nil }
    return info.command.hasUser ? info.command.user : framework.info.user
  }

  @discardableResult
  private mutating func add(_ info: MesosTaskInfo, to executor: Executor, group: UInt64?) -> AgentTask {
    let nested = executor.isPod ? uuidText() : nil
    let task = AgentTask(info: info, sequence: nextTaskSequence, group: group, executor: executor, nested: nested)
    nextTaskSequence += 1
    executor.add(task)
    persist(task)
    return task
  }

  private mutating func launch(_ executor: Executor) {
    log(.info, "Launching executor '\(executor.id)' of framework \(executor.framework.id) as \(executor.containerID)")
    emit(.launch(containerLaunch(of: executor)))
  }

  func containerLaunch(of executor: Executor) -> ContainerLaunch {
    let words = ContainerLaunch.words(of: executor.info.command)
    return ContainerLaunch(
      containerID: executor.containerID, frameworkID: executor.framework.id, executorID: executor.id,
      isCommandTask: executor.isCommandTask, role: executor.role, user: executor.user,
      sandbox: sandbox(of: executor), requests: executor.requests, limits: executor.limits,
      program: words.program, arguments: words.arguments, environment: environment(of: executor),
      uris: executor.info.command.uris, volumes: volumes(in: executor.info.resources), isPod: executor.isPod,
      setup: setup(of: executor), isCheckedByHTTPS: executor.commandTask?.info.isCheckedByHTTPS ?? false)
  }

  /// Protocol fact 112.
  func sandbox(of executor: Executor) -> String {
    "\(configuration.workDirectory)/slaves/\(agentID ?? "")/frameworks/\(executor.framework.id)"
      + "/executors/\(executor.id)/runs/\(executor.containerID)"
  }

  /// Has the container of a framework's executor fitted to the tasks that it has at the end of the turn.
  mutating func resize(_ executor: Executor) {
    guard !executor.isCommandTask else { return }
    resized.insert(executor.containerID)
  }

  mutating func emitResized() {
    for id in resized.sorted() {
      guard let executor = containers[id], !executor.container.isDestroyed, executor.pid != nil else { continue }
      emit(.update(containerID: id, requests: executor.requests, limits: executor.limits))
    }
    resized = []
  }
}
