import Wire

/// One executor and its container: a framework's own, or one that the agent plays for a command task or a pod.
final class Executor {
  unowned let framework: Framework
  let info: MesosExecutorInfo
  let container: Container
  let isCommandTask: Bool
  /// The user it runs as; nil is the agent's.
  let user: String?

  /// It was launched by an earlier life of the agent.
  var isRecovered = false

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
  /// A pod whose tasks are all over, and which is destroyed for that.
  var isDone = false
  /// How the container of a pod ended while some of its tasks' containers were still to be heard of.
  var podOutcome: ContainerOutcome?
  /// The last tasks that are over.
  var completedTasks: [MesosTask] = []

  struct Termination {
    var state: MesosTaskState
    var reason: MesosTaskStatus.Reason
    var message: String
  }

  init(
    framework: Framework, info: MesosExecutorInfo, container: Container, isCommandTask: Bool, user: String?
  ) {
    self.framework = framework
    self.info = info
    self.container = container
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

  var containerID: String { container.id }
  var pid: Int32? { container.pid }
  var hasExited: Bool { container.hasExited }

  /// Of type DEFAULT: its tasks run in containers of their own within its container.
  var isPod: Bool { !isCommandTask && info.type == .default }
  /// The agent plays it: no process of it subscribes.
  var isPlayed: Bool { isCommandTask || isPod }
  /// Tasks of a pod whose containers are not known to be gone.
  var nestedTasks: [AgentTask] {
    isPod ? orderedTasks.filter { $0.isDelivered && $0.container?.hasExited == false } : []
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
