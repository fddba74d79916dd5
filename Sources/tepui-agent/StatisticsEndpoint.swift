import AgentCore
import NIOCore
import Transport
import Wire

/// `/monitor/statistics` and `/containers`: what containers of executors use, as the isolators measure it (protocol fact
/// 151). What a pod uses includes what its tasks use, so those are told of only one by one.
struct StatisticsEndpoint {
  let process: AgentProcess

  init(_ process: AgentProcess) {
    self.process = process
  }

  func statistics(_ request: Request, _ responder: Responder) {
    answer(request, responder, Choice(), asContainers: false)
  }

  func containers(_ request: Request, _ responder: Responder) {
    let choice = Choice(request.query)
    let isMixed = choice.containerID != nil && (choice.frameworkID ?? choice.executorID) != nil
    guard !isMixed, choice.executorID == nil || choice.frameworkID != nil else {
      let reason =
        "Supported query parameters are container_id only, framework_id only, or executor_id and framework_id only"
      return responder.respond(.error(.badRequest, reason))
    }
    answer(request, responder, choice, asContainers: true)
  }

  /// Which containers are told of; nil stands for any.
  private struct Choice {
    var containerID: String?
    var frameworkID: String?
    var executorID: String?

    init(_ query: [String: String] = [:]) {
      containerID = query["container_id"]
      frameworkID = query["framework_id"]
      executorID = query["executor_id"]
    }

    func includes(_ executor: ExecutorState) -> Bool {
      let (framework, id) = (executor.info.frameworkID.value, executor.info.executorID.value)
      return frameworkID ?? framework == framework && executorID ?? id == id
    }

    func includes(_ item: Item) -> Bool { containerID ?? item.containerID == item.containerID }
  }

  private func answer(_ request: Request, _ responder: Responder, _ choice: Choice, asContainers: Bool) {
    guard let jsonp = JSONP(request) else { return responder.respond(JSONP.refusal) }
    guard let state = process.state else {
      responder.respond(.error(.serviceUnavailable, "Agent has not finished recovery"))
      return
    }
    let executors = state.frameworks.flatMap(\.executors).filter { !$0.isExited && choice.includes($0) }
    let items = executors.flatMap { Self.items(of: $0, choice.containerID != nil) }.filter(choice.includes)
    process.measure(items.map(\.containerID)) { values in
      let now = Clock().seconds
      responder.respondLater {
        var writer = JSONWriter()
        writer.list(items) { writer, item in
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
        return jsonp.response(writer.bytes)
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
