import NIOCore
import SchedulerClient
import Synchronization
import Transport
import Wire

/// A framework whose scheduler waits for one thing after the other. What comes in between is kept.
final class Scheduler: Sendable {
  let name: String
  private let eventLoop: any EventLoop
  private let client: NIOLoopBoundBox<SchedulerClient?>
  private let seen = Mutex(Seen())

  private struct Seen {
    var frameworkID: String?
    var offers: [MesosOffer] = []
    var states: [String: [MesosTaskState]] = [:]
    var problem: String?
  }

  init(named name: String, master: Endpoint, eventLoop: any EventLoop) {
    self.name = name
    self.eventLoop = eventLoop
    client = .makeEmptyBox(eventLoop: eventLoop)
    eventLoop.execute { [self] in
      var framework = MesosFrameworkInfo()
      framework.user = "root"
      framework.name = name
      framework.roles = [name]
      framework.setCapabilities(.multiRole, .partitionAware)
      client.value = SchedulerClient(framework, master: master, http: HTTPClient(eventLoop: eventLoop), format: .json)
      client.value?.subscribe { self.handle($0) }
    }
  }

  func subscribed() async throws {
    _ = try await wait("SUBSCRIBED for \(name)") { $0.frameworkID }
  }

  /// The next offer that was not taken yet.
  func offer() async throws -> MesosOffer {
    try await wait("an offer to \(name)") { $0.offers.isEmpty ? nil : $0.offers.removeFirst() }
  }

  /// Waits until a task was seen in a state.
  func state(_ task: String, _ state: MesosTaskState) async throws {
    _ = try await wait("\(state) of \(task)") { $0.states[task, default: []].contains(state) ? true : nil }
  }

  /// What is not used of the offer is not wanted back.
  func accept(_ offer: MesosOffer, _ tasks: [MesosTaskInfo]) {
    send(.accept([offer.id], launching: tasks, refuseSeconds: 600))
  }

  func tearDown() {
    send(.bare(.teardown))
  }

  private func send(_ call: SchedulerCall) {
    eventLoop.execute { self.client.value?.send(call) }
  }

  private func handle(_ event: SchedulerClient.Event) {
    switch event {
    case .closed(let reason): fail(reason)
    case .callFailed(let type, let reason): fail("\(type): \(reason)")
    case .received(let event):
      switch event.type {
      case .subscribed: seen.withLock { $0.frameworkID = event.subscribed.frameworkID.value }
      case .offers: seen.withLock { $0.offers += event.offers.offers }
      case .error: fail(event.error.message)
      case .update:
        let status = event.update.status
        if let acknowledgement = SchedulerCall.acknowledge(status) { client.value?.send(acknowledgement) }
        seen.withLock { $0.states[status.taskID.value, default: []].append(status.state) }
      default: break
      }
    }
  }

  private func fail(_ reason: String) {
    seen.withLock { $0.problem = $0.problem ?? "\(name): \(reason)" }
  }

  private func wait<Value: Sendable>(_ what: String, _ look: (inout Seen) -> sending Value?) async throws -> Value {
    try await bounded(what) {
      if let problem = self.seen.withLock({ $0.problem }) { throw NotSeen("\(what): \(problem)") }
      return self.seen.withLock { look(&$0) }
    }
  }
}

/// Asks again and again until there is an answer, for at most 30 seconds.
func bounded<Value>(_ what: String, _ look: () async throws -> Value?) async throws -> Value {
  let end = ContinuousClock.now + .seconds(30)
  while ContinuousClock.now < end {
    if let value = try await look() { return value }
    try await Task.sleep(for: .milliseconds(20))
  }
  throw NotSeen("\(what): not within 30 s")
}
