import Resources
import Wire

/// The long answers of the operator API, written item by item.
extension MasterSnapshot {
  /// Writes the answer to a call that has a long one.
  ///
  /// - Returns: what was not handed to the sink; nil for another call.
  public func write(
    _ call: MesosMasterCall, _ format: WireFormat, sink: JSONWriter.Sink? = nil
  ) -> [UInt8]? {
    guard let answer = Self.longAnswers[call.type] else { return nil }
    var writer = MessageWriter(format, sink: sink)
    writer.member("type", 1, answer.type)
    answer.write(self, &writer)
    return writer.finish()
  }

  public static func isLong(_ type: MesosMasterCall.TypeEnum) -> Bool { longAnswers[type] != nil }

  private typealias Answer = (
    type: MesosMasterResponse.TypeEnum, write: @Sendable (MasterSnapshot, inout MessageWriter) -> Void
  )

  /// The numbers are those of `Response` in master.proto.
  private static let longAnswers: [MesosMasterCall.TypeEnum: Answer] = [
    .getState: (.getState, { $0.writeState("get_state", 9, to: &$1) }),
    .getTasks: (.getTasks, { $0.writeTasks(13, to: &$1) }),
    .getExecutors: (.getExecutors, { $0.writeExecutors(12, to: &$1) }),
    .getFrameworks: (.getFrameworks, { $0.writeFrameworks(11, to: &$1) }),
    .getAgents: (.getAgents, { $0.writeAgents(10, to: &$1) }),
    .getOperations: (.getOperations, { $0.writeOperations(20, to: &$1) }),
  ]

  /// The event that a stream of the operator API begins with (protocol fact 120).
  public func writeSubscribed(_ format: WireFormat, sink: JSONWriter.Sink? = nil) -> [UInt8] {
    var writer = MessageWriter(format, sink: sink)
    writer.member("type", 1, MesosMasterEvent.TypeEnum.subscribed)
    writer.message("subscribed", 2) { writer in
      writeState("get_state", 1, to: &writer)
      writer.member("heartbeat_interval_seconds", 2, Double(configuration.heartbeatIntervalNs) / 1e9)
    }
    return writer.finish()
  }

  private func writeState(_ name: StaticString, _ number: Int, to writer: inout MessageWriter) {
    writer.message(name, number) { writer in
      writeTasks(1, to: &writer)
      writeExecutors(2, to: &writer)
      writeFrameworks(3, to: &writer)
      writeAgents(4, to: &writer)
    }
  }

  private func writeTasks(_ number: Int, to writer: inout MessageWriter) {
    let all = frameworks + completedFrameworks
    writer.message("get_tasks", number) { writer in
      writer.list("tasks", 2, all.lazy.flatMap(\.tasks)) { $0.message }
      writer.list("unreachable_tasks", 5, all.lazy.flatMap(\.unreachableTasks)) { $0.message }
      writer.list("completed_tasks", 3, all.lazy.flatMap(\.completedTasks)) { $0.message }
    }
  }

  private func writeExecutors(_ number: Int, to writer: inout MessageWriter) {
    writer.message("get_executors", number) { writer in
      writer.list("executors", 1, frameworks.lazy.flatMap(\.executors)) { $0.message }
    }
  }

  private func writeFrameworks(_ number: Int, to writer: inout MessageWriter) {
    let byID = Dictionary(agents.map { ($0.id, $0) }) { first, _ in first }
    writer.message("get_frameworks", number) { writer in
      writer.list("frameworks", 1, frameworks) { $0.message { byID[$0] } }
      writer.list("completed_frameworks", 2, completedFrameworks) { $0.bareMessage }
    }
  }

  private func writeAgents(_ number: Int, to writer: inout MessageWriter) {
    var used: [String: Resources] = [:]
    var offered: [String: Resources] = [:]
    for framework in frameworks {
      for task in framework.tasks where !task.state.isTerminal {
        used[task.agentID, default: Resources()] += task.resources
      }
      for executor in framework.executors { used[executor.agentID, default: Resources()] += executor.resources }
      for offer in framework.offers { offered[offer.agentID, default: Resources()] += offer.resources }
    }
    writer.message("get_agents", number) { writer in
      writer.list("agents", 1, agents) {
        $0.message(used: used[$0.id] ?? Resources(), offered: offered[$0.id] ?? Resources())
      }
      writer.list("recovered_agents", 2, recoveredAgents) { $0 }
    }
  }

  private func writeOperations(_ number: Int, to writer: inout MessageWriter) {
    writer.message("get_operations", number) { writer in
      writer.list("operations", 1, operations) { $0.message }
    }
  }
}
