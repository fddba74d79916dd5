import AgentCore
import Wire

/// The long answers of the agent's operator API.
extension AgentState {
  /// nil for a call with another answer. The numbers are those of `Response` in agent_operator.proto.
  func list(_ call: MesosAgentCall.TypeEnum, _ format: WireFormat) -> [UInt8]? {
    var writer = MessageWriter(format)
    switch call {
    case .getState:
      writer.member("type", 1, MesosAgentResponse.TypeEnum.getState)
      writer.message("get_state", 9) { writer in
        writeTasks(1, to: &writer)
        writeExecutors(2, to: &writer)
        writeFrameworks(3, to: &writer)
      }
    case .getTasks:
      writer.member("type", 1, MesosAgentResponse.TypeEnum.getTasks)
      writeTasks(13, to: &writer)
    case .getExecutors:
      writer.member("type", 1, MesosAgentResponse.TypeEnum.getExecutors)
      writeExecutors(12, to: &writer)
    case .getFrameworks:
      writer.member("type", 1, MesosAgentResponse.TypeEnum.getFrameworks)
      writeFrameworks(11, to: &writer)
    case .getOperations:
      writer.member("type", 1, MesosAgentResponse.TypeEnum.getOperations)
      writer.message("get_operations", 18) { $0.list("operations", 1, operations) { $0 } }
    default: return nil
    }
    return writer.finish()
  }

  private var live: [ExecutorState] { frameworks.flatMap(\.executors) }
  private var completed: [ExecutorState] { (frameworks + completedFrameworks).flatMap(\.completedExecutors) }

  private func writeTasks(_ number: Int, to writer: inout MessageWriter) {
    let launched = live.flatMap(\.tasks)
    let past = live.flatMap(\.completedTasks) + completed.flatMap { $0.tasks + $0.completedTasks }
    writer.message("get_tasks", number) { writer in
      writer.list("pending_tasks", 1, []) { (task: MesosTask) in task }
      writer.list("queued_tasks", 2, live.flatMap(\.queuedTasks)) { $0 }
      writer.list("launched_tasks", 3, launched.lazy.filter { !$0.state.isTerminal }) { $0 }
      // Their last update is not acknowledged.
      writer.list("terminated_tasks", 4, launched.lazy.filter { $0.state.isTerminal }) { $0 }
      writer.list("completed_tasks", 5, past) { $0 }
    }
  }

  private func writeExecutors(_ number: Int, to writer: inout MessageWriter) {
    let message = { (executor: ExecutorState) in
      MesosAgentResponse.GetExecutors.Executor.with { $0.executorInfo = executor.info }
    }
    writer.message("get_executors", number) { writer in
      writer.list("executors", 1, live.lazy.filter { !$0.isExited }, message)
      writer.list("completed_executors", 2, live.filter(\.isExited) + completed, message)
    }
  }

  private func writeFrameworks(_ number: Int, to writer: inout MessageWriter) {
    let message = { (framework: FrameworkState) in
      MesosAgentResponse.GetFrameworks.Framework.with { $0.frameworkInfo = framework.info }
    }
    writer.message("get_frameworks", number) { writer in
      writer.list("frameworks", 1, frameworks, message)
      writer.list("completed_frameworks", 2, completedFrameworks, message)
    }
  }
}

extension AgentState {
  /// Containers of executors, and of the tasks of pods if they are to be shown, without what they use.
  func containers(showsNested: Bool) -> [MesosAgentResponse.GetContainers.Container] {
    live.filter { !$0.isExited }.flatMap { executor in
      let own = MesosAgentResponse.GetContainers.Container.with {
        $0.frameworkID = executor.info.frameworkID
        $0.executorID = executor.info.executorID
        $0.executorName = executor.info.name
        $0.describe(executor.containerID, in: nil, pid: executor.pid)
      }
      // Whose they are is told by their parent alone, as in Mesos: sums by executor count each once.
      let nested =
        !showsNested
        ? []
        : executor.nested.map { container in
          MesosAgentResponse.GetContainers.Container.with {
            $0.describe(container.containerID, in: executor.containerID, pid: container.pid)
          }
        }
      return [own] + nested
    }
  }
}

extension MesosAgentResponse.GetContainers.Container {
  fileprivate mutating func describe(_ id: String, in pod: String?, pid: Int32?) {
    containerID.value = id
    if let pod { containerID.parent.value = pod }
    containerStatus.containerID = containerID
    if let pid { containerStatus.executorPid = UInt32(pid) }
  }
}

extension MesosAgentResponse {
  /// - Parameter usage: measured values by container and name.
  static func containers(
    _ containers: [GetContainers.Container], usage: [String: [String: Double]]
  ) -> MesosAgentResponse {
    var response = MesosAgentResponse()
    response.type = .getContainers
    let now = Clock().seconds
    response.getContainers.containers = containers.map { container in
      var container = container
      container.resourceStatistics = .init(usage[container.containerID.value] ?? [:], timestamp: now)
      return container
    }
    return response
  }
}

extension MesosResourceStatistics {
  /// The same that the endpoints tell in JSON; what the message has no field for is left out.
  fileprivate init(_ values: [String: Double], timestamp: Double) {
    var writer = JSONWriter()
    StatisticsText(values, timestamp: timestamp).write(to: &writer)
    let known = try? WireFormat.json.decode(MesosResourceStatistics.self, from: writer.bytes)
    self = known ?? .with { $0.timestamp = timestamp }
  }
}
