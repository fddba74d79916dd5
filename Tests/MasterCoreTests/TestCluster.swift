import MasterCore
import Patterns
import Resources
import Testing
import Wire

struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 31)
  }
}

/// A master with a virtual clock; what it sends is kept by connection.
final class TestCluster {
  let core: MasterCore
  let policy = TestPolicy()
  private(set) var now = Instant(monotonicNs: 1_000_000_000, epochSeconds: 1_000_000)
  private var lastConnection: UInt64 = 0

  private(set) var answers: [ConnectionID: Answer] = [:]
  private(set) var streamIDs: [ConnectionID: String] = [:]
  private(set) var toSchedulers: [ConnectionID: [SchedulerEvent]] = [:]
  private(set) var toAgents: [ConnectionID: [AgentEvent]] = [:]
  /// What streams of operators began with and what came after.
  private(set) var toOperators: [ConnectionID: (state: MasterSnapshot, events: [MesosMasterEvent])] = [:]
  private(set) var closed: Set<ConnectionID> = []
  private(set) var logLines: [String] = []
  /// What is in the registry.
  private(set) var records: [String: [UInt8]] {
    didSet { pastRecords.append(records) }
  }
  /// What was in it after each write.
  private(set) var pastRecords: [[String: [UInt8]]] = []
  private var written: [(UInt64, [RegistryChange])] = []
  /// Whether the disk takes what is written; set back to true, it does so with the next event.
  var isWriting = true

  struct Answer: Equatable {
    var status: Int
    var text: String
  }

  static let id = "master"

  /// - Parameter records: what an earlier master left in its registry.
  init(
    id: String = TestCluster.id, records: [String: [UInt8]] = [:],
    _ change: (inout MasterConfiguration) -> Void = { _ in }
  ) {
    var configuration = MasterConfiguration(id: id)
    configuration.makePattern = { (regex) throws(ResourceError) in try Pattern(regex) }
    change(&configuration)
    self.records = records
    let recovering = (try? RegistryState(records: records)) ?? RegistryState()
    core = MasterCore(
      configuration: configuration, recovering: recovering, policy: policy, generator: SeededGenerator(state: 1),
      now: now)
  }

  /// An operator's call.
  @discardableResult
  func call(_ type: MesosMasterCall.TypeEnum, _ fill: (inout MesosMasterCall) -> Void = { _ in }) -> Answer? {
    var call = MesosMasterCall()
    call.type = type
    fill(&call)
    let id = connection()
    handle(.operatorCall(call, from: id))
    return answers[id]
  }

  func connection() -> ConnectionID {
    lastConnection += 1
    return ConnectionID(lastConnection)
  }

  /// Handles an event and what follows from it soon.
  func handle(_ event: MasterEvent) {
    turn(event)
    // Lets pass the pause between two cycles.
    if let deadline = core.nextDeadline, deadline - now.monotonicNs < 50_000_000 { pass(nanoseconds: 50_000_000) }
  }

  /// Handles an event and, as a loop would, the tick after it.
  func turn(_ event: MasterEvent) {
    feed(event)
    apply(core.handle(.tick, at: now))
    write()
  }

  /// Handles an event as one of several in a turn of the loop.
  func feed(_ event: MasterEvent) {
    apply(core.handle(event, at: now))
    write()
  }

  /// Makes safe what the core wants written, as a disk would a moment later.
  private func write() {
    while isWriting, !written.isEmpty {
      let (number, changes) = written.removeFirst()
      var records = records
      for change in changes {
        switch change {
        case .put(let key, let value): records[key] = value
        case .delete(let key): records[key] = nil
        }
      }
      self.records = records
      apply(core.handle(.persisted(number), at: now))
    }
  }

  /// Lets time pass, handling what becomes due on the way.
  func pass(seconds: Double) { pass(nanoseconds: Int64(seconds * 1e9)) }

  private func pass(nanoseconds: Int64) {
    let end = now.monotonicNs + nanoseconds
    var steps = 0
    while let deadline = core.nextDeadline, deadline <= end, steps < 100_000 {
      advance(to: max(deadline, now.monotonicNs))
      apply(core.handle(.tick, at: now))
      write()
      steps += 1
    }
    #expect(steps < 100_000, "the master never comes to rest")
    advance(to: end)
  }

  private func advance(to time: Int64) {
    now.epochSeconds += Double(time - now.monotonicNs) / 1e9
    now.monotonicNs = time
  }

  private func apply(_ effects: [MasterEffect]) {
    for effect in effects {
      switch effect {
      case .respond(let id, let status, let text): answers[id] = Answer(status: status, text: text)
      case .openScheduler(let id, let streamID): streamIDs[id] = streamID
      case .openAgent: break
      case .openOperator(let id, let capture): toOperators[id] = (capture.snapshot(), [])
      case .sendOperators(let ids, let event): for id in ids { toOperators[id]?.events.append(event) }
      case .sendScheduler(let id, let event): toSchedulers[id, default: []].append(event)
      case .sendAgent(let id, let event): toAgents[id, default: []].append(event)
      case .close(let id): closed.insert(id)
      case .persist(let number, let changes): written.append((number, changes))
      case .log(_, let text): logLines.append(text)
      }
    }
  }

  func clearEvents(_ connection: ConnectionID) {
    toSchedulers[connection] = []
    toAgents[connection] = []
  }
}
