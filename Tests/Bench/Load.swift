import NIOCore
import SchedulerClient
import Transport
import Wire

/// A framework that runs command tasks, trivial ones by default, and measures. Belongs to its event loop.
final class Load {
  struct Result: Sendable {
    var finished = 0
    var others: [String: Int] = [:]
    /// From ACCEPT to TASK_RUNNING, per task.
    var runningMs: [Double] = []
    /// From the first ACCEPT to the last terminal state.
    var seconds = 0.0
    /// If it was to be measured.
    var whileRunning: Memory?

    func checkAllFinished() throws {
      guard others.isEmpty else { throw Failure("tasks that did not finish: \(others)") }
    }
  }

  /// RSS in MB, while all tasks ran.
  struct Memory: Sendable {
    var supervisors: Double
    var agent: Double
  }

  struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  private static let cpus = 0.01
  private static let mem = 1.0
  private static let limit = TimeAmount.seconds(300)

  private let client: SchedulerClient
  private let eventLoop: any EventLoop
  private let tasks: Int
  private let atATime: Int
  private let needsAll: Bool
  private let command: [String]
  private let measure: (() throws -> Memory)?
  private var running = 0
  private var next = 0
  private var inFlight = 0
  private var accepted: [String: NIODeadline] = [:]
  private var begin: NIODeadline?
  private var result = Result()
  private var done: ((Swift.Result<Result, any Error>) -> Void)?

  /// - Parameter measure: called when all tasks run, which then are ended; for tasks that do not end by themselves.
  init(
    tasks: Int, atATime: Int = .max, needsAll: Bool = false, command: [String] = ["/bin/true"], master: Endpoint,
    eventLoop: any EventLoop, measure: (() throws -> Memory)? = nil
  ) {
    var framework = MesosFrameworkInfo()
    framework.user = "root"
    framework.name = "bench"
    framework.roles = ["bench"]
    framework.checkpoint = true
    framework.setCapabilities(.multiRole, .partitionAware)
    client = SchedulerClient(framework, master: master, http: HTTPClient(eventLoop: eventLoop))
    self.eventLoop = eventLoop
    self.tasks = tasks
    self.atATime = atATime
    self.needsAll = needsAll
    self.command = command
    self.measure = measure
  }

  /// From elsewhere than its event loop.
  static func run(on eventLoop: any EventLoop, _ make: @escaping @Sendable () -> Load) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      eventLoop.execute { make().run { continuation.resume(with: $0) } }
    }
  }

  func run(_ done: @escaping (Swift.Result<Result, any Error>) -> Void) {
    self.done = done
    eventLoop.assumeIsolated().scheduleTask(in: Self.limit) {
      self.end(.failure(Failure("\(self.result.finished) of \(self.tasks) tasks finished within 300 s")))
    }
    client.subscribe { self.handle($0) }
  }

  private func handle(_ event: SchedulerClient.Event) {
    switch event {
    case .closed(let reason): end(.failure(Failure(reason)))
    case .callFailed(let type, let reason): end(.failure(Failure("\(type): \(reason)")))
    case .received(let event):
      switch event.type {
      case .offers: event.offers.offers.forEach(use)
      case .update: update(event.update.status)
      case .error: end(.failure(Failure(event.error.message)))
      default: break
      }
    }
  }

  private func use(_ offer: MesosOffer) {
    let fitting = min(Int(offer.scalar("cpus") / Self.cpus + 0.001), Int(offer.scalar("mem") / Self.mem + 0.001))
    let wanted = min(tasks - next, atATime - inFlight)
    guard wanted > 0, fitting >= (needsAll ? wanted : 1) else {
      // Nothing to do with it now; the end of a task brings a new offer.
      return client.send(.decline([offer.id], refuseSeconds: 0))
    }
    let now = NIODeadline.now()
    begin = begin ?? now
    let launched = (0..<min(fitting, wanted)).map { number in
      var task = MesosTaskInfo()
      task.name = command[0]
      task.taskID.value = "t\(next + number)"
      task.agentID = offer.agentID
      task.resources = [.scalar("cpus", Self.cpus), .scalar("mem", Self.mem)]
      for index in task.resources.indices { task.resources[index].allocationInfo = offer.allocationInfo }
      task.command.shell = false
      task.command.value = command[0]
      task.command.arguments = command
      accepted[task.taskID.value] = now
      return task
    }
    next += launched.count
    inFlight += launched.count
    client.send(.accept([offer.id], launching: launched, refuseSeconds: 0))
  }

  private func update(_ status: MesosTaskStatus) {
    if let acknowledgement = SchedulerCall.acknowledge(status) { client.send(acknowledgement) }
    switch status.state {
    case .taskStaging, .taskStarting, .taskKilling: return
    case .taskRunning:
      if let start = accepted.removeValue(forKey: status.taskID.value) {
        result.runningMs.append(Double((NIODeadline.now() - start).nanoseconds) / 1e6)
        running += 1
      }
      if running == tasks, let measure { end(Swift.Result { try measured(measure) }) }
      return
    case .taskFinished: result.finished += 1
    default: result.others["\(status.state) \(status.reason): \(status.message)", default: 0] += 1
    }
    inFlight -= 1
    guard inFlight == 0, next == tasks, let begin else { return }
    result.seconds = Double((NIODeadline.now() - begin).nanoseconds) / 1e9
    end(.success(result))
  }

  private func measured(_ measure: () throws -> Memory) throws -> Result {
    result.whileRunning = try measure()
    return result
  }

  private func end(_ outcome: Swift.Result<Result, any Error>) {
    guard let done else { return }
    self.done = nil
    client.send(.bare(.teardown))
    eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(200)) {
      self.client.close()
      done(outcome)
    }
  }
}
