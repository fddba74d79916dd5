import Wire

/// A picture of the agent for endpoints: values only, so it may be rendered elsewhere.
public struct AgentState: Sendable {
  public var agentID: String?
  public var info: MesosAgentInfo
  public var isRegistered: Bool
  public var masterHostname: String?
  public var counters: AgentCounters
  public var frameworks: [FrameworkState]
  public var completedFrameworks: [FrameworkState]
  /// Whose status is not acknowledged yet, in the order of their arrival.
  public var operations: [MesosOperation]
}

public struct FrameworkState: Sendable {
  public var info: MesosFrameworkInfo
  public var executors: [ExecutorState]
  public var completedExecutors: [ExecutorState]
}

public struct ExecutorState: Sendable {
  public var info: MesosExecutorInfo
  public var isCommandTask: Bool
  public var containerID: String
  public var pid: Int32?
  /// Absolute path of the sandbox.
  public var directory: String
  public var role: String
  /// Its own and those of its live tasks.
  public var resources: [MesosResource]
  public var tasks: [MesosTask]
  /// Wait for it to subscribe.
  public var queuedTasks: [MesosTask]
  public var completedTasks: [MesosTask]
  public var isExited: Bool
  /// Containers of the tasks of a pod, as far as they are not gone.
  public var nested: [NestedContainerState]
  public var isRegistering: Bool
  public var isTerminating: Bool
}

/// The container of one task of a pod.
public struct NestedContainerState: Sendable {
  public var containerID: String
  public var taskID: String
  public var pid: Int32?

  init?(_ task: AgentTask) {
    guard let container = task.container else { return nil }
    containerID = container.id
    taskID = task.id
    pid = container.pid
  }
}

/// Counts since the agent started.
public struct AgentCounters: Equatable, Sendable {
  public var tasksByFinalState: [MesosTaskState: Int] = [:]
  public var validStatusUpdates = 0
  public var invalidStatusUpdates = 0
  public var validFrameworkMessages = 0
  public var invalidFrameworkMessages = 0
  public var containerLaunchErrors = 0
  public var executorsTerminated = 0
}

/// How much of the past the agent keeps in memory.
enum History {
  static let executorsPerFramework = 150
  static let frameworks = 50
  static let tasksPerExecutor = 200

  static func append<Element>(_ element: Element, to list: inout [Element], keeping limit: Int) {
    list.append(element)
    if list.count > limit { list.removeFirst(list.count - limit) }
  }
}

extension AgentCore {
  /// O(everything on the agent).
  public func state() -> AgentState {
    AgentState(
      agentID: agentID, info: describedInfo(), isRegistered: master.isSubscribed, masterHostname: masterHostname,
      counters: counters,
      frameworks: frameworks.values.sorted { $0.id < $1.id }.map { state(of: $0) },
      completedFrameworks: completedFrameworks.map { state(of: $0) },
      operations: operations.values.sorted { $0.sequence < $1.sequence }.map { message(of: $0) })
  }

  private func message(of operation: AgentOperation) -> MesosOperation {
    var message = MesosOperation()
    if let framework = operation.frameworkID { message.frameworkID.value = framework }
    if let agentID { message.agentID.value = agentID }
    message.info = operation.info
    message.latestStatus = operation.status
    message.statuses = [operation.status]
    message.uuid.value = .init(operation.uuid)
    return message
  }

  /// The agent's info with its id, as executors and `/state` see it.
  public func describedInfo() -> MesosAgentInfo {
    var info = configuration.info
    info.resources = total.wire(.stack)
    if let agentID { info.id = .with { $0.value = agentID } }
    return info
  }

  private func state(of framework: Framework) -> FrameworkState {
    FrameworkState(
      info: framework.info,
      executors: framework.executors.values.sorted { $0.id < $1.id }.map { state(of: $0) },
      completedExecutors: framework.completedExecutors)
  }

  func state(of executor: Executor) -> ExecutorState {
    let tasks = executor.orderedTasks
    let queued = Set(executor.queue.joined().map(\.sequence))
    let own = executor.isCommandTask ? [] : executor.info.resources
    return ExecutorState(
      info: executor.info, isCommandTask: executor.isCommandTask, containerID: executor.containerID,
      pid: executor.pid, directory: sandbox(of: executor), role: executor.role,
      resources: own + tasks.filter { !$0.isTerminal }.flatMap { $0.info.resources },
      tasks: tasks.filter { !queued.contains($0.sequence) }.map { $0.described() },
      queuedTasks: tasks.filter { queued.contains($0.sequence) }.map { $0.described() },
      completedTasks: executor.completedTasks,
      isExited: executor.hasExited,
      nested: executor.nestedTasks.compactMap { NestedContainerState($0) },
      isRegistering: !executor.isPlayed && !executor.hasSubscribed && !executor.hasExited,
      isTerminating: executor.isTerminating)
  }
}
