import Allocation
import DequeModule
import Resources
import Wire

/// The master without its sockets and clocks: events go in, effects come out.
///
/// One thread. Nothing that a framework, an agent or a policy sends can make it fail: what is wrong becomes an answer,
/// an event or a log line.
///
/// Handle each event as it comes, then once `.tick` when all that had come was handled: allocation waits for it, so
/// that a burst of events leads to one cycle. Handle `.tick` also when `nextDeadline` is reached.
public final class MasterCore {
  enum Timer {
    case heartbeat(framework: String, generation: UInt64)
    case failover(framework: String, generation: UInt64)
    case ping(agent: String, generation: UInt64)
    case reregistration(agent: String, generation: UInt64)
    case recovery
    case starvation
    case forgetting
    case inverseOffer(UInt64)
    case inverseOfferFilter(agent: String)
    case subscriberHeartbeat(ConnectionID)
  }

  public let configuration: MasterConfiguration
  let policy: any AllocationPolicy
  var generator: any RandomNumberGenerator
  let ledger: AllocationLedger
  let started: Instant

  var effects: [MasterEffect] = []
  var now: Instant
  var timers = TimerQueue<Timer>()

  var frameworks: [String: Framework] = [:]
  var frameworkOfStream: [ConnectionID: Framework] = [:]
  var frameworkOfSlot: [UInt32: Framework] = [:]
  var completedFrameworks: BoundedHistory<FrameworkSnapshot>
  var completedFrameworkIDs: Set<String> = []
  var nextFrameworkNumber = 0

  var agents: [String: Agent] = [:]
  var agentOfStream: [ConnectionID: Agent] = [:]
  var agentOfSlot: [UInt32: Agent] = [:]
  var agentOfAddress: [String: Agent] = [:]
  /// By agent and framework.
  var condemned: [String: [String: Condemned]] = [:]
  /// What the registry holds of agents.
  var agentRecords: [String: RegistryAgent]
  /// Agents of earlier masters that are not back, and still have time.
  var awaitedAgents: Set<String>
  let expectedAgentCount: Int
  /// Agents that are to be emptied.
  var draining: Set<String> = []
  var nextAgentNumber = 0
  /// Host names of the agents that are offered; nil for all.
  var whitelist: Set<String>?

  var operations = OperationBooks()

  var offers: [UInt64: Offer] = [:]
  /// Offers in the order of their end; those that ended otherwise are skipped.
  var offerEnds: Deque<(number: UInt64, deadline: Int64)> = []
  var nextOfferNumber: UInt64 = 0
  /// Numbers of offers that are made, but of which their frameworks were not told yet.
  var untoldOffers: Range<UInt64> = 0..<0
  /// When the next of them may be told.
  var nextTelling: Int64 = 0
  var inverseOffers = InverseOfferBooks()
  var maintenance: Maintenance
  var plannedMaintenance: Maintenance

  /// Of roles that have another than 1.
  var weights: [String: Double] = [:]
  var quotas: [String: MesosQuotaConfig]
  var waitingForWrite: [UInt64: (MasterCore) -> Void] = [:]
  var nextWrite: UInt64 = 0

  var starving: Set<Starving> = []

  /// Streams of the operator API, oldest first.
  var subscribers: [ConnectionID] = []

  var lastCycle: Int64?
  /// When the next one may run.
  var soonestCycle: Int64
  var nextReconsideration: Int64
  /// What the last cycle was blamed for, so that the same is not logged every second.
  var lastBlame: [String] = []
  public internal(set) var metrics = MasterMetrics()

  /// - Parameters:
  ///   - recovering: what the registry holds.
  ///   - generator: makes stream ids; give a secure one outside of tests.
  public init(
    configuration: MasterConfiguration, recovering: RegistryState = RegistryState(), policy: any AllocationPolicy,
    generator: any RandomNumberGenerator, now: Instant
  ) {
    self.configuration = configuration
    self.policy = policy
    self.generator = generator
    self.now = now
    started = now
    ledger = AllocationLedger(options: configuration.allocation)
    whitelist = configuration.whitelist
    agentRecords = recovering.agents
    quotas = recovering.quotas
    maintenance = recovering.maintenance
    plannedMaintenance = recovering.maintenance
    awaitedAgents = Set(
      recovering.agents.filter { !$0.value.hasUnreachableSince && !$0.value.hasGoneSince }.keys)
    expectedAgentCount = awaitedAgents.count
    draining = Set(recovering.agents.filter { $0.value.hasDrain && $0.value.drain.state == .draining }.keys)
    completedFrameworks = BoundedHistory(limit: configuration.completedFrameworkLimit)
    soonestCycle = now.monotonicNs
    nextReconsideration = now.monotonicNs + configuration.allocationIntervalNs
    if !awaitedAgents.isEmpty { timers.add(.recovery, at: now.monotonicNs + configuration.agentReregisterTimeoutNs) }
    timers.add(.starvation, at: now.monotonicNs + MasterConfiguration.starvationCheckIntervalNs)
    timers.add(.forgetting, at: now.monotonicNs + MasterConfiguration.forgettingIntervalNs)
    for config in recovering.quotas.values { ledger.setQuota(config.quota, ofRole: config.role) }
    // What was set at run time is newer than a flag.
    for (role, weight) in configuration.weights.merging(recovering.weights, uniquingKeysWith: { $1 }) {
      setWeight(weight, of: role)
    }
  }

  /// Takes one event and returns what is to be done for it, in order.
  public func handle(_ event: MasterEvent, at now: Instant) -> [MasterEffect] {
    self.now = now
    switch event {
    case .schedulerCall(let call, let connection, let streamID):
      handle(call, from: connection, streamID: streamID)
    case .agentCalls(let calls, let connection):
      handle(calls, from: connection)
    case .streamClosed(let connection):
      streamClosed(connection)
    case .operatorCall(let call, let connection):
      handle(call, from: connection)
    case .persisted(let number):
      persisted(number)
    case .whitelist(let hosts):
      setWhitelist(hosts)
    case .tick:
      fireTimers()
      expireOffers()
      finishDraining()
      allocate()
      tellOffers()
      sendInverseOffers()
    }
    defer { effects = [] }
    return effects
  }

  /// When the next `.tick` is due on the monotonic clock, in nanoseconds.
  public var nextDeadline: Int64? {
    let telling = untoldOffers.isEmpty ? nil : nextTelling
    return [timers.nextDeadline, nextOfferEnd, nextAllocation, telling].compactMap { $0 }.min()
  }

  private func fireTimers() {
    while let timer = timers.popDue(at: now.monotonicNs) {
      switch timer {
      case .heartbeat(let id, let generation): heartbeat(id, generation)
      case .failover(let id, let generation): failoverTimedOut(id, generation)
      case .ping(let id, let generation): ping(id, generation)
      case .reregistration(let id, let generation): reregistrationTimedOut(id, generation)
      case .recovery: recoveryTimedOut()
      case .starvation: checkStarvation()
      case .forgetting: forgetOldAgents()
      case .inverseOffer(let number): inverseOfferTimedOut(number)
      case .inverseOfferFilter(let agent): inverseOfferFilterEnded(on: agent)
      case .subscriberHeartbeat(let connection): subscriberHeartbeat(connection)
      }
    }
  }

  private func streamClosed(_ connection: ConnectionID) {
    if let framework = frameworkOfStream[connection] { disconnected(framework) }
    if let agent = agentOfStream[connection] { disconnected(agent) }
    subscriberGone(connection)
  }

  // MARK: Effects

  func respond(_ connection: ConnectionID, _ status: Int, _ text: String = "") {
    effects.append(.respond(connection, status: status, text: text))
  }

  /// Sends an event to a framework; events for one that is not connected are dropped (protocol fact 37).
  func send(_ event: SchedulerEvent, to framework: Framework) {
    guard let stream = framework.stream else {
      metrics.droppedMessages += 1
      return
    }
    framework.metrics.events[event.type, default: 0] += 1
    effects.append(.sendScheduler(stream, event))
  }

  func send(_ event: AgentEvent, to agent: Agent) {
    guard let stream = agent.stream else {
      metrics.droppedMessages += 1
      return
    }
    effects.append(.sendAgent(stream, event))
  }

  /// The values by key: what the master does must not depend on the chance order of a dictionary.
  func inOrder<Value>(_ values: [String: Value]) -> [Value] { values.sorted { $0.key < $1.key }.map(\.value) }

  func log(_ level: LogLevel, _ text: String) {
    effects.append(.log(level, text))
  }
}
