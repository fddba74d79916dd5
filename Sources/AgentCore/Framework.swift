import Wire

/// A framework that has, or lately had, executors on the agent.
final class Framework {
  var info: MesosFrameworkInfo
  var executors: [String: Executor] = [:]
  var tasks: [String: AgentTask] = [:]
  /// It was removed at the master: nobody waits for updates of its tasks any more.
  var isTerminating = false
  /// The last executors that are over, oldest first.
  var completedExecutors: [ExecutorState] = []

  init(info: MesosFrameworkInfo) {
    self.info = info
  }

  var id: String { info.id.value }

  func has(_ capability: MesosFrameworkInfo.Capability.TypeEnum) -> Bool {
    info.capabilities.contains { $0.type == capability }
  }

  /// What a task is called whose fate is not the framework's doing: protocol facts 79, 97 and 104.
  var stateOfDropped: MesosTaskState { has(.partitionAware) ? .taskDropped : .taskLost }
  var stateOfGone: MesosTaskState { has(.partitionAware) ? .taskGone : .taskLost }
}
