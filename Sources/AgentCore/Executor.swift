import Wire

/// One executor and its container: a framework's own, or the one that the agent plays for a command task.
final class Executor {
  unowned let framework: Framework
  let info: MesosExecutorInfo
  let containerID: String
  let isCommandTask: Bool
  /// The user it runs as; nil is the agent's.
  let user: String?

  enum Container {
    /// Asked for, or to be found again after a restart.
    case launching
    case running(pid: Int32)
    case exited
  }
  var container = Container.launching
  /// Its container is to be destroyed as soon as the launch is answered: containment cannot take it back before.
  var isDestroyed = false
  /// It was launched by an earlier life of the agent.
  var isRecovered = false
  /// Found no process of it when it was recovered.
  var isMissing = false

  /// The open stream of the executor.
  var stream: ExchangeID?
  /// It subscribed at least once since it was launched or recovered.
  var hasSubscribed = false
  /// It was told to shut down.
  var isTerminating = false
  /// Tasks with an unacknowledged update or without a terminal state.
  private(set) var tasks: [String: AgentTask] = [:]
  private(set) var liveTasks = 0
  private var limitedTasks = 0
  /// Its own resources and those of its live tasks.
  private var sum = AmountSum()
  /// Not yet given to the executor, in order; a group is one element.
  var queue: [[AgentTask]] = []
  /// Kills that came while the stream was down.
  var heldKills: [ExecutorEvent.Kill] = []
  /// Why the agent itself ended it; its tasks get this instead of `Executor terminated`.
  var termination: Termination?
  /// A kill of the command task, by the framework or for its completion time.
  var kill: Kill?
  /// The last tasks that are over.
  var completedTasks: [MesosTask] = []

  struct Termination {
    var state: MesosTaskState
    var reason: MesosTaskStatus.Reason
    var message: String
  }

  struct Kill {
    /// When its grace ends, in nanoseconds.
    var deadlineNs: Int64
    var completionTimeReached = false
  }

  init(
    framework: Framework, info: MesosExecutorInfo, containerID: String, isCommandTask: Bool, user: String?
  ) {
    self.framework = framework
    self.info = info
    self.containerID = containerID
    self.isCommandTask = isCommandTask
    self.user = user
    if !isCommandTask { sum.add(info.resources) }
  }

  /// Takes in a task of its own making or of an earlier life.
  func add(_ task: AgentTask) {
    tasks[task.id] = task
    framework.tasks[task.id] = task
    guard !task.isTerminal else { return }
    liveTasks += 1
    sum.add(task.info.resources)
    if !task.info.limits.isEmpty { limitedTasks += 1 }
  }

  /// Takes note of a terminal state, once per task.
  func noteEnd(of task: AgentTask) {
    liveTasks -= 1
    sum.subtract(task.info.resources)
    if !task.info.limits.isEmpty { limitedTasks -= 1 }
  }

  func remove(_ task: AgentTask) {
    framework.tasks[task.id] = nil
    tasks[task.id] = nil
  }

  var id: String { info.executorID.value }
  var frameworkID: MesosFrameworkID { framework.info.id }

  var pid: Int32? {
    if case .running(let pid) = container { return pid }
    return nil
  }

  var hasExited: Bool {
    if case .exited = container { return true }
    return false
  }

  /// Tasks in the order of their arrival.
  var orderedTasks: [AgentTask] {
    tasks.values.sorted { $0.sequence < $1.sequence }
  }

  /// The task of a command executor.
  var commandTask: AgentTask? { isCommandTask ? tasks[id] : nil }

  /// Its own resources and those of its live tasks.
  var requests: [Amount] { sum.amounts }

  /// What it may burst to: for each resource that a task limits, the sum over the executor and its tasks, where a task
  /// without a limit counts with what it asked for.
  var limits: [Amount] {
    guard limitedTasks > 0 else { return [] }
    let live = tasks.values.filter { !$0.isTerminal }
    let names = Set(live.flatMap { $0.info.limits.keys })
    var own = AmountSum()
    if !isCommandTask { own.add(info.resources) }
    return names.sorted().map { name in
      var sum = AmountSum()
      sum.add(name, own[name] ?? 0)
      for task in live {
        var requested = AmountSum()
        requested.add(task.info.resources)
        let limit = task.info.limits[name].map { AmountSum.thousandths($0.value) }
        sum.add(name, limit ?? requested[name] ?? 0)
      }
      return sum.amounts[0]
    }
  }

  /// The role that its resources are allocated to.
  var role: String {
    let resources = info.resources + tasks.values.flatMap { $0.info.resources }
    return resources.first { $0.hasAllocationInfo && $0.allocationInfo.hasRole }?.allocationInfo.role ?? "*"
  }
}
