import Wire

/// Executors of type DEFAULT: the agent plays them itself. The executor's container is an empty pod; each task of a group
/// runs in a container of its own within it.
///
/// A group is delivered as a whole or not at all. When a task of it fails or is killed the others are killed; other groups
/// of the pod live on, and the pod ends with its last task.
extension AgentCore {
  /// The container of a pod runs: its tasks may.
  mutating func podRuns(_ executor: Executor) {
    resize(executor)
    let queue = executor.queue
    executor.queue = []
    for group in queue { start(group) }
    endIfDone(executor)
  }

  /// Launches the containers of a group. STARTING is told before, as by Mesos' default executor (exchange p2-002).
  mutating func start(_ group: [AgentTask]) {
    for task in group {
      task.isDelivered = true
      report(task, .taskStarting, source: .executor)
      persistProgress(of: task)
    }
    for task in group {
      guard let container = task.container else { continue }
      nested[container.id] = task
      emit(.launch(containerLaunch(of: task, in: container)))
    }
  }

  func containerLaunch(of task: AgentTask, in container: Container) -> ContainerLaunch {
    let executor = task.executor
    let words = ContainerLaunch.words(of: task.info.command)
    let linux = task.info.container.linuxInfo
    return ContainerLaunch(
      containerID: container.id, frameworkID: executor.framework.id, executorID: executor.id,
      isCommandTask: false, role: task.role, user: task.user, sandbox: sandbox(of: task, in: container),
      requests: task.requests, limits: task.limits, program: words.program, arguments: words.arguments,
      environment: environment(of: task, in: container), uris: task.info.command.uris,
      volumes: volumes(in: task.info.resources),
      nesting: ContainerLaunch.Nesting(
        parentID: executor.containerID, taskID: task.id, parentSandbox: sandbox(of: executor),
        parentUser: executor.user, sharesLimits: linux.shareCgroups, sharesPIDs: linux.sharePidNamespace,
        paths: SharedPath.all(in: task.info.container)),
      setup: setup(ofNested: task), isCheckedByHTTPS: task.info.isCheckedByHTTPS)
  }

  /// Protocol fact 112.
  func sandbox(of task: AgentTask, in container: Container) -> String {
    "\(sandbox(of: task.executor))/containers/\(container.id)"
  }

  // MARK: The end

  /// The container of a task is gone, or never came to be.
  mutating func nestedEnded(_ task: AgentTask) {
    guard let container = task.container else { return }
    container.state = .exited
    nested[container.id] = nil
    for deadline: Deadline in [.killGrace(container.id), .completion(container.id)] { timers.cancel(deadline) }
    let executor = task.executor
    if task.state != .taskFinished { endGroup(of: task) }
    if let outcome = executor.podOutcome {
      if executor.nestedTasks.isEmpty { ended(executor, outcome) }
    } else {
      endIfDone(executor)
    }
  }

  /// Kills the others of a task's group.
  private mutating func endGroup(of task: AgentTask) {
    guard let group = task.group else { return }
    for other in task.executor.orderedTasks where other.group == group && other !== task && other.kill == nil {
      // Mesos calls a whole pod unhealthy then, where it means the group (MESOS-8543).
      let cause = task.kill?.cause == .unhealthy ? AgentTask.Kill.Cause.unhealthy : .wanted
      killCommand(of: other, graceNs: Self.graceNs(other.info.killPolicy), cause)
    }
  }

  /// A pod ends with its last task.
  mutating func endIfDone(_ executor: Executor) {
    guard executor.liveTasks == 0, !executor.hasExited, !executor.isDone else { return }
    log(.info, "Executor '\(executor.id)' of framework \(executor.framework.id) is done: all its tasks are over")
    executor.isDone = true
    executor.isTerminating = true
    destroyContainer(executor.containerID)
  }

  /// The container of a pod is gone before all of its tasks' containers are known to be: those go first.
  mutating func holdEnd(of executor: Executor, _ outcome: ContainerOutcome) -> Bool {
    let tasks = executor.nestedTasks
    guard !tasks.isEmpty else { return false }
    executor.podOutcome = outcome
    for task in tasks { task.container.map { destroyContainer($0.id) } }
    return true
  }
}

/// A directory of a pod that a task sees below its own sandbox: a volume with the source SANDBOX_PATH of type PARENT.
public struct SharedPath: Hashable, Sendable {
  /// Below the sandbox of the pod.
  public var path: String
  /// Below the sandbox of the task.
  public var containerPath: String
  public var isReadOnly = false

  static func all(in container: MesosContainerInfo) -> [SharedPath] {
    container.volumes.filter(isShared).map {
      SharedPath(
        path: $0.source.sandboxPath.path, containerPath: $0.containerPath, isReadOnly: $0.mode == .ro)
    }
  }

  static func isShared(_ volume: MesosVolume) -> Bool {
    volume.source.type == .sandboxPath && volume.source.sandboxPath.type == .parent
  }

  /// What keeps a task from having such a volume; nil for nothing. They are mounts in a root file system of the task's
  /// own, else symbolic links, as with Mesos' volume/sandbox_path.
  static func problem(of task: MesosTaskInfo, inPod: Bool) -> String? {
    for volume in task.container.volumes where isShared(volume) {
      let (path, containerPath) = (volume.source.sandboxPath.path, volume.containerPath)
      guard inPod else {
        return "Volume '\(containerPath)': only a task of a pod has a parent whose sandbox it can use"
      }
      for text in [path, containerPath] where !isBelow(text) {
        return "Volume '\(containerPath)': '\(text)' is not a path below the sandbox"
      }
      if volume.mode == .ro, !task.container.mesos.hasImage {
        return "Volume '\(containerPath)': this agent cannot keep tasks without an image from writing to a volume, so "
          + "its mode must be RW"
      }
    }
    return nil
  }

  private static func isBelow(_ path: String) -> Bool {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    return !parts.contains { $0.isEmpty || $0 == "." || $0 == ".." || $0.utf8.contains(0) }
  }
}
