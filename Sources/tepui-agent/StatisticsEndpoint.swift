import AgentCore
import NIOCore
import Transport
import Wire

/// `/monitor/statistics` and `/containers`: what containers use, as the isolators measure it (protocol fact 151).
struct StatisticsEndpoint {
  let process: AgentProcess

  init(_ process: AgentProcess) {
    self.process = process
  }

  func statistics(_ request: Request, _ responder: Responder) {
    answer(responder, asContainers: false)
  }

  func containers(_ request: Request, _ responder: Responder) {
    answer(responder, asContainers: true)
  }

  private func answer(_ responder: Responder, asContainers: Bool) {
    guard let state = process.state else {
      responder.respond(.error(.serviceUnavailable, "Agent has not finished recovery"))
      return
    }
    let executors = state.frameworks.flatMap(\.executors).filter { !$0.isExited }
    // What a pod uses includes what its tasks use, so statistics by executor are those of its container.
    let nested = asContainers ? executors.flatMap { $0.nested.map(\.containerID) } : []
    process.measure(executors.map(\.containerID) + nested) { values in
      let now = Clock().seconds
      responder.respondLater {
        var writer = JSONWriter()
        writer.list(executors.flatMap { Self.items(of: $0, asContainers) }) { writer, item in
          writer.object { writer in
            if asContainers { writer.member("container_id", item.containerID) }
            writer.member("executor_id", item.executor.info.executorID.value)
            writer.member("executor_name", item.executor.info.name)
            writer.member("framework_id", item.executor.info.frameworkID.value)
            writer.member("source", item.executor.info.source)
            writer.name("statistics")
            StatisticsText(values[item.containerID] ?? [:], timestamp: now).write(to: &writer)
            if asContainers { item.writeStatus(to: &writer) }
          }
        }
        return .json(writer.bytes)
      }
    }
  }

  /// A container of an executor, or of one of its tasks.
  private struct Item {
    var executor: ExecutorState
    var containerID: String
    var pod: String?
    var pid: Int32?

    func writeStatus(to writer: inout JSONWriter) {
      writer.object("status") { writer in
        writer.object("container_id") { writer in
          writer.member("value", containerID)
          if let pod { writer.object("parent") { $0.member("value", pod) } }
        }
        if let pid { writer.member("executor_pid", Int(pid)) }
      }
    }
  }

  private static func items(of executor: ExecutorState, _ withNested: Bool) -> [Item] {
    let own = Item(executor: executor, containerID: executor.containerID, pid: executor.pid)
    guard withNested else { return [own] }
    return [own]
      + executor.nested.map {
        Item(executor: executor, containerID: $0.containerID, pod: executor.containerID, pid: $0.pid)
      }
  }
}
