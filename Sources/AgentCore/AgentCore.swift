import Resources
import Wire

/// The agent as a pure state machine: inputs and the time come in, effects go out. It has no clock, no randomness and no
/// I/O of its own, so every behaviour can be played with a virtual clock.
///
/// Not copyable: its executors and tasks are objects that two copies would share.
public struct AgentCore: ~Copyable {
  let configuration: AgentConfiguration
  /// 16 random bytes each time.
  let makeUUID: () -> [UInt8]

  /// Given by the master; kept over restarts.
  public internal(set) var agentID: String?
  var master = MasterLink.disconnected
  var masterHostname: String?
  var lastHeardNs: Int64 = 0
  /// A master accepted this process before.
  var hasSubscribed = false
  var frameworks: [String: Framework] = [:]
  /// Frameworks without executors, oldest first.
  var completedFrameworks: [Framework] = []
  /// Executors by their containers, until those are gone.
  var containers: [String: Executor] = [:]
  /// Tasks of pods by their containers, likewise.
  var nested: [String: AgentTask] = [:]
  var streams: [ExchangeID: Executor] = [:]
  /// Runs of checks whose ends are to be told.
  var checkRuns: [String: CheckKey] = [:]
  var timers = Timers<Deadline>()
  var counters = AgentCounters()
  var nextTaskSequence: UInt64 = 0
  /// All that the agent has: its --resources, as operations have converted them. Unallocated.
  var total = Resources()
  var operations: [String: AgentOperation] = [:]
  var nextOperationSequence: UInt64 = 0
  /// The records are from before the last boot of the machine.
  var hasRebooted = false
  /// Set when the agent is to end as soon as its containers are gone.
  var ending: String?

  /// Nanoseconds since the epoch; never goes back.
  var now: Int64 = 0
  var effects: [AgentEffect] = []
  /// Containers whose executors got or lost tasks in this turn.
  var resized: Set<String> = []

  enum MasterLink {
    case disconnected
    /// The call went out; the master has not answered. Executors that exit now were part of that call.
    case subscribing(exited: [AgentCall])
    case subscribed(silenceNs: Int64)

    var isSubscribed: Bool {
      if case .subscribed = self { return true }
      return false
    }
  }

  enum Deadline: Hashable {
    case masterSilence
    case updateRetry(framework: String, task: String)
    case operationRetry(String)
    /// Of what runs in a container.
    case registration(String)
    case shutdownGrace(String)
    case killGrace(String)
    case completion(String)
    /// The next run of a check, or the end of the time for the one under way.
    case check(CheckKey)
    case heartbeat(String)
    case reregistration
    case ending
  }

  /// An agent with nothing behind it, or, with records that an earlier life persisted, one that continues that life. Its
  /// first input must be `start`.
  ///
  /// - Parameter makeUUID: gives 16 random bytes.
  public init(
    _ configuration: AgentConfiguration, recovering records: [String: [UInt8]] = [:],
    makeUUID: @escaping () -> [UInt8]
  ) throws(CheckpointError) {
    self.configuration = configuration
    self.makeUUID = makeUUID
    try rebuild(from: records)
  }

  /// Takes one input and says what has to be done.
  ///
  /// - Parameter now: nanoseconds since the epoch, never less than the last time.
  public mutating func handle(_ input: AgentInput, at now: Int64) -> [AgentEffect] {
    self.now = max(self.now, now)
    switch input {
    case .start: start()
    case .connectingToMaster: subscribe()
    case .masterDisconnected: masterDisconnected()
    case .master(let event): handle(event)
    case .executorCall(let call, let exchange): handle(call, exchange)
    case .executorDisconnected(let exchange): streamClosed(exchange)
    case .containerLaunched(let id, let pid): containerLaunched(id, pid: pid)
    case .containerLaunchFailed(let id, let message): containerLaunchFailed(id, message: message)
    case .containerRecovered(let id, let pid): containerRecovered(id, pid: pid)
    case .containerExited(let id, let outcome): containerExited(id, outcome)
    case .checkEnded(let run, let outcome): checkEnded(run, outcome)
    case .volumesChanged(let operation, let problem): volumesChanged(operation, problem: problem)
    case .volumesAdded(let id, let batch, let problem): volumesAdded(id, batch: batch, problem: problem)
    case .unregister(let reason): unregister(reason: reason)
    case .tick: break
    }
    while let deadline = timers.popDue(self.now) { reached(deadline) }
    if !resized.isEmpty { emitResized() }
    defer { effects = [] }
    return effects
  }

  /// When `tick` is wanted at the latest; nil for never.
  public mutating func nextDeadline() -> Int64? { timers.next() }

  private mutating func reached(_ deadline: Deadline) {
    switch deadline {
    case .masterSilence: checkMasterSilence()
    case .updateRetry(let framework, let task): retryUpdate(of: task, in: framework)
    case .operationRetry(let key): retryOperation(key)
    case .registration(let container): registrationTimedOut(container)
    case .shutdownGrace(let container), .killGrace(let container): destroyContainer(container)
    case .completion(let container): completionTimeReached(container)
    case .check(let key): checkDue(key)
    case .heartbeat(let container): heartbeat(container)
    case .reregistration: reregistrationTimedOut()
    case .ending: stopNow()
    }
  }

  mutating func emit(_ effect: AgentEffect) { effects.append(effect) }

  /// The values by key: what the agent does must not depend on the chance order of a dictionary.
  func inOrder<Value>(_ values: [String: Value]) -> [Value] { values.sorted { $0.key < $1.key }.map(\.value) }

  mutating func log(_ level: LogLevel, _ text: String) { effects.append(.log(level, text)) }

  /// Sends to the master if there is one; everything but updates may be lost.
  mutating func tellMaster(_ call: AgentCall.OneOf_Call) {
    var message = AgentCall()
    if let agentID { message.agentID = .with { $0.value = agentID } }
    message.call = call
    switch master {
    case .subscribed: emit(.sendToMaster(message))
    case .subscribing(var exited):
      guard case .executorExited = call else { return }
      exited.append(message)
      master = .subscribing(exited: exited)
    case .disconnected: break
    }
  }

  /// A random UUID (version 4).
  func newUUID() -> [UInt8] {
    var bytes = makeUUID()
    bytes[6] = bytes[6] & 0x0f | 0x40
    bytes[8] = bytes[8] & 0x3f | 0x80
    return bytes
  }

  func uuidText() -> String {
    var text = ""
    for (index, byte) in newUUID().enumerated() {
      if [4, 6, 8, 10].contains(index) { text += "-" }
      text += String(byte >> 4, radix: 16) + String(byte & 0xf, radix: 16)
    }
    return text
  }
}
