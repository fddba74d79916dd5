import ArgumentParser
import Dispatch
import Glibc
import NIOCore
import NIOPosix
import SwiftProtobuf
import Transport
import Wire

/// Framework 1's executor: an executor of a framework's own, started by the agent. It runs each task's data as a shell
/// command and tells the agent of it.
struct Execute: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Be the executor; started by the agent.")

  func run() async throws {
    guard let agent = variable("MESOS_AGENT_ENDPOINT").flatMap({ Endpoint($0) }),
      let framework = variable("MESOS_FRAMEWORK_ID"), let executor = variable("MESOS_EXECUTOR_ID")
    else { throw ValidationError("MESOS_AGENT_ENDPOINT, MESOS_FRAMEWORK_ID and MESOS_EXECUTOR_ID must be set") }
    let eventLoop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
    await withCheckedContinuation { continuation in
      eventLoop.execute {
        let shell = ShellExecutor(framework: framework, executor: executor, agent: agent, eventLoop: eventLoop)
        shell.run { continuation.resume() }
      }
    }
  }

  private func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }
}

/// Belongs to its event loop; commands are waited for on a queue of Dispatch.
final class ShellExecutor {
  private let agent: Endpoint
  private let eventLoop: any EventLoop
  private let http: HTTPClient
  private let calls: CallQueue
  private var blank = ExecutorCall()
  private var updates: UInt64 = 0

  init(framework: String, executor: String, agent: Endpoint, eventLoop: any EventLoop) {
    self.agent = agent
    self.eventLoop = eventLoop
    http = HTTPClient(eventLoop: eventLoop)
    calls = http.orderedCalls(to: agent)
    blank.frameworkID.value = framework
    blank.executorID.value = executor
  }

  func run(_ done: @escaping () -> Void) {
    var call = blank
    call.type = .subscribe
    call.subscribe = ExecutorCall.Subscribe()
    _ = http.subscribe(request(call)) { event in
      switch event {
      case .opened: break
      case .closed: done()
      case .record(let bytes):
        guard let event = try? ExecutorEvent(serializedBytes: bytes) else { return done() }
        if event.type == .shutdown { return done() }
        if event.type == .launch { self.launch(event.launch.task) }
      }
    }
  }

  private func launch(_ task: MesosTaskInfo) {
    let command = String(decoding: task.data, as: UTF8.self)
    let executor = NIOLoopBound(self, eventLoop: eventLoop)
    tell(task.taskID, .taskRunning)
    DispatchQueue.global().async {
      let isSuccess = Self.succeeds(command)
      executor.eventLoop.execute { executor.value.tell(task.taskID, isSuccess ? .taskFinished : .taskFailed) }
    }
  }

  private static func succeeds(_ command: String) -> Bool {
    var pid = pid_t()
    let words: [String] = ["sh", "-c", command]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { (word: String) in strdup(word) } + [nil]
    defer { for argument in arguments { free(argument) } }
    guard posix_spawn(&pid, "/bin/sh", nil, nil, &arguments, environ) == 0 else { return false }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 { guard errno == EINTR else { return false } }
    return status == 0
  }

  private func tell(_ task: MesosTaskID, _ state: MesosTaskState) {
    updates += 1
    var call = blank
    call.type = .update
    call.update.status.taskID = task
    call.update.status.state = state
    call.update.status.source = .executor
    var uuid = [UInt8](repeating: 0, count: 16)
    withUnsafeBytes(of: updates.bigEndian) { uuid.replaceSubrange(8..<16, with: $0) }
    call.update.status.uuid = .init(uuid)
    calls.send(request(call)) { _ in }
  }

  private func request(_ call: ExecutorCall) -> ClientRequest {
    let body: [UInt8] = (try? call.serializedBytes(partial: true)) ?? []
    let headers = [("Content-Type", "application/x-protobuf"), ("Accept", "application/x-protobuf")]
    return ClientRequest(.POST, agent, "/api/v1/executor", headers: .init(headers), body: body)
  }
}
