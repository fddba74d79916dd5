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
    struct ID: Encodable {
      var value: String
    }
    struct Status: Encodable {
      var containerId: ID
      var executorPid: Int32?
    }
    var containerId: String?
    var executorId: String
    var executorName: String
    var frameworkId: String
    var source: String
    var statistics: [String: Double]
    var status: Status?
  }

  private func answer(_ responder: Responder, asContainers: Bool) {
    guard let state = process.state else {
      responder.respond(.error(.serviceUnavailable, "Agent has not finished recovery"))
      return
    }
    let executors = state.frameworks.flatMap(\.executors).filter { !$0.isExited }
    process.measure(executors.map(\.containerID)) { values in
      let now = Clock().seconds
      let items = executors.map { executor in
        var statistics = values[executor.containerID] ?? [:]
        statistics["timestamp"] = now
        var item = Item(
          executorId: executor.info.executorID.value, executorName: executor.info.name,
          frameworkId: executor.info.frameworkID.value, source: executor.info.source, statistics: statistics)
        if asContainers {
          item.containerId = executor.containerID
          item.status = .init(containerId: .init(value: executor.containerID), executorPid: executor.pid)
        }
        return item
      }
      responder.respond(.json(encode(items)))
    }
  }
}
