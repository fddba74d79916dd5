import Daemon
import Glibc
import NIOCore
import SchedulerClient
import Transport
import Wire

/// The framework behind `tepui run`: waits for an offer that fits, launches the one task, follows its output and ends.
///
/// Belongs to its event loop.
final class TaskRun {
  struct Outcome: Sendable {
    var exitCode: Int32
    /// For standard error.
    var message: String?
  }

  /// Exit codes of our own, the same that `timeout` and `env` use.
  private enum Code {
    static let timedOut: Int32 = 124
    static let notRun: Int32 = 125
  }

  private let scheduler: SchedulerClient
  private let http: HTTPClient
  private let eventLoop: any EventLoop
  private var task: MesosTaskInfo
  private let timeout: DurationFlag?
  private var output: OutputFollower?
  private var signals: Signals?
  private var done: ((Outcome) -> Void)?
  /// The signals that we were sent.
  private var interrupts: [Int32] = []
  private var timedOut = false
  private var largestOffer: MesosOffer?

  init(
    _ framework: MesosFrameworkInfo, _ task: MesosTaskInfo, on eventLoop: any EventLoop, master: Endpoint,
    timeout: DurationFlag?
  ) {
    http = HTTPClient(eventLoop: eventLoop)
    scheduler = SchedulerClient(framework, master: master, http: http)
    self.eventLoop = eventLoop
    self.task = task
    self.timeout = timeout
  }

  func start(_ done: @escaping (Outcome) -> Void) {
    self.done = done
    let run = NIOLoopBound(self, eventLoop: eventLoop)
    signals = Signals([SIGINT, SIGTERM]) { number in
      run.eventLoop.execute { run.value.interrupted(by: number) }
    }
    eventLoop.assumeIsolated().scheduleTask(in: .seconds(5)) { self.explainWaiting() }
    if let timeout {
      eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(timeout.nanoseconds)) {
        self.timedOut = true
        self.kill(otherwise: Outcome(exitCode: Code.timedOut, message: "not started within \(timeout)"))
      }
    }
    scheduler.subscribe { self.handle($0) }
  }

  private func handle(_ event: SchedulerClient.Event) {
    switch event {
    case .closed(let reason): finish(Outcome(exitCode: Code.notRun, message: reason))
    case .callFailed(let type, let reason):
      finish(Outcome(exitCode: Code.notRun, message: "the master refused \(type): \(reason)"))
    case .received(let event):
      switch event.type {
      case .offers: consider(event.offers.offers)
      case .update: update(event.update.status)
      case .error: finish(Outcome(exitCode: Code.notRun, message: "the master said: \(event.error.message)"))
      default: break
      }
    }
  }
}

extension TaskRun {
  private var isLaunched: Bool { output != nil }

  private func consider(_ offers: [MesosOffer]) {
    for offer in offers {
      if !isLaunched && fits(offer) {
        launch(on: offer)
      } else {
        largestOffer = [largestOffer, offer].compactMap { $0 }.max { $0.scalar("cpus") < $1.scalar("cpus") }
        // What is too small now may have grown soon: other tasks end.
        scheduler.send(.decline([offer.id], refuseSeconds: isLaunched ? 3600 : 1))
      }
    }
  }

  private func fits(_ offer: MesosOffer) -> Bool {
    task.resources.allSatisfy { offer.scalar($0.name) >= $0.scalar.value - 0.0005 }
  }

  private func launch(on offer: MesosOffer) {
    task.agentID = offer.agentID
    task.resources = task.resources.flatMap { offer.share($0.name, $0.scalar.value) }
    let agent = Endpoint(host: offer.url.address.ip, port: Int(offer.url.address.port))
    let sandbox = "/frameworks/\(scheduler.framework.id.value)/executors/\(task.taskID.value)/runs/latest"
    output = OutputFollower(http: http, agent: agent, sandbox: sandbox)
    scheduler.send(.accept([offer.id], launching: [task], refuseSeconds: 3600))
    scheduler.send(.bare(.suppress))
  }

  private func update(_ status: MesosTaskStatus) {
    if let acknowledgement = SchedulerCall.acknowledge(status) { scheduler.send(acknowledgement) }
    switch status.state {
    case .taskStaging, .taskStarting, .taskKilling: break
    case .taskRunning: output?.start()
    default: ended(status)
    }
  }

  /// The output may still be read: the sandbox outlives the task.
  private func ended(_ status: MesosTaskStatus) {
    guard let output else { return finish(outcome(of: status)) }
    output.finish { self.finish(self.outcome(of: status)) }
  }

  private func outcome(of status: MesosTaskStatus) -> Outcome {
    if timedOut { return Outcome(exitCode: Code.timedOut, message: "killed after \(timeout?.description ?? "")") }
    switch status.state {
    case .taskFinished: return Outcome(exitCode: 0)
    case .taskKilled where !interrupts.isEmpty: return Outcome(exitCode: 128 + interrupts[0], message: "killed")
    default:
      let text = status.hasMessage ? status.message : ""
      if status.reason == .commandExecutorFailed, let code = ExitStatusText.exitCode(text) {
        return Outcome(exitCode: code, message: code > 128 ? text : nil)
      }
      let reason = status.hasReason ? ", REASON_\(status.reason.protocolName)" : ""
      return Outcome(exitCode: Code.notRun, message: "\(status.state.protocolName)\(reason): \(text)")
    }
  }

  private func interrupted(by number: Int32) {
    interrupts.append(number)
    if interrupts.count > 1 {
      return finish(Outcome(exitCode: 128 + number, message: "left without waiting for the end"))
    }
    kill(otherwise: Outcome(exitCode: 128 + number))
  }

  private func kill(otherwise: Outcome) {
    if isLaunched { scheduler.send(.kill(task.taskID)) } else { finish(otherwise) }
  }

  private func explainWaiting() {
    guard !isLaunched, done != nil else { return }
    let asked = task.resources.map { "\($0.name) \(number($0.scalar.value))" }.joined(separator: ", ")
    let offered =
      largestOffer.map {
        "the largest offer so far had cpus \(number($0.scalar("cpus"))), mem \(number($0.scalar("mem")))"
      }
      ?? "there was no offer yet: is an agent there (tepui agents), and is something free on it?"
    Console.say("waiting for \(asked); \(offered)")
  }

  /// Tears the framework down, which takes the task along if it still runs, and answers.
  private func finish(_ outcome: Outcome) {
    guard let done else { return }
    self.done = nil
    output?.stop()
    scheduler.send(.bare(.teardown))
    // Enough for the call to leave; the master does the rest even if it came to nothing: without a connection and
    // with a failover_timeout of 0 the framework is removed at once (protocol fact 37).
    eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(50)) {
      self.scheduler.close()
      self.signals = nil
      done(outcome)
    }
  }
}
