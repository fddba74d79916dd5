import SwiftProtobuf
import Testing

@testable import Wire

@Suite struct MessageWriterTests {
  private func tasks(_ count: Int) -> [MesosTask] {
    (0..<count).map { index in
      .with {
        $0.name = "task \(index)"
        $0.taskID.value = "t\(index)"
        $0.frameworkID.value = "f"
        $0.agentID.value = "a"
        $0.state = .taskRunning
      }
    }
  }

  private func event(_ tasks: [MesosTask]) -> MesosMasterEvent {
    .with {
      $0.type = .subscribed
      $0.subscribed.getState.getTasks.tasks = tasks
      $0.subscribed.getState.getExecutors = .init()
      $0.subscribed.heartbeatIntervalSeconds = 15
    }
  }

  private func write(_ tasks: [MesosTask], _ format: WireFormat, sink: JSONWriter.Sink? = nil) -> [UInt8] {
    var writer = MessageWriter(format, sink: sink)
    writer.member("type", 1, MesosMasterEvent.TypeEnum.subscribed)
    writer.message("subscribed", 2) { writer in
      writer.message("get_state", 1) { writer in
        writer.message("get_tasks", 1) { $0.list("tasks", 2, tasks) { $0 } }
        writer.message("get_executors", 2) { _ in }
      }
      writer.member("heartbeat_interval_seconds", 2, 15)
    }
    return writer.finish()
  }

  @Test(arguments: WireFormat.allCases, [0, 1, 3])
  func readersGetTheMessageThatWasWritten(format: WireFormat, count: Int) throws {
    let bytes = write(tasks(count), format)
    let read = try format.decode(MesosMasterEvent.self, from: bytes)
    #expect(read == event(tasks(count)))
    #expect(read.subscribed.getState.hasGetTasks)
  }

  @Test(arguments: WireFormat.allCases)
  func longListsGoOutInPieces(format: WireFormat) throws {
    var pieces: [[UInt8]] = []
    let rest = write(tasks(20_000), format) {
      pieces.append($0)
      return true
    }
    #expect(pieces.count >= 2 && pieces.allSatisfy { $0.count < 2 * JSONWriter.pieceBytes })
    let read = try format.decode(MesosMasterEvent.self, from: pieces.flatMap { $0 } + rest)
    #expect(read == event(tasks(20_000)))
  }

  @Test(arguments: WireFormat.allCases)
  func nothingMoreIsMadeOnceNobodyWantsIt(format: WireFormat) {
    var asked = 0
    var writer = MessageWriter(format) { _ in false }
    writer.list("tasks", 2, tasks(20_000)) { task in
      asked += 1
      return task
    }
    #expect(asked < 20_000)
  }

  @Test func emptyListsAreShownInJSON() {
    #expect(String(decoding: write([], .json), as: UTF8.self).contains(#""get_tasks":{"tasks":[]},"get_executors":{}"#))
  }
}
