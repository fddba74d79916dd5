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

  private struct Item: Encodable {
    struct Status: Encodable {
      var containerId: ContainerIDAnswer
      var executorPid: Int32?
    }
    var containerId: String?
    var executorId: String
    var executorName: String
    var frameworkId: String
    var source: String
    var statistics: [String: Double]
    var status: Status?

    mutating func describe(_ id: String, in pod: String? = nil, pid: Int32?) {
      containerId = id
      status = Status(containerId: ContainerIDAnswer(id, in: pod), executorPid: pid)
    }
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
      let items = executors.flatMap { executor in
        var items = [Self.item(executor, values[executor.containerID])]
        guard asContainers else { return items }
        items[0].describe(executor.containerID, pid: executor.pid)
        for container in executor.nested {
          var item = Self.item(executor, values[container.containerID])
          item.describe(container.containerID, in: executor.containerID, pid: container.pid)
          items.append(item)
        }
        return items
      }
      responder.respond(.json(encode(items)))
    }
  }

  private static func item(_ executor: ExecutorState, _ values: [String: Double]?) -> Item {
    var statistics = values ?? [:]
    statistics["timestamp"] = Clock().seconds
    return Item(
      executorId: executor.info.executorID.value, executorName: executor.info.name,
      frameworkId: executor.info.frameworkID.value, source: executor.info.source, statistics: statistics)
  }
}
