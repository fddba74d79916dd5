import Allocation
import CTepui
import MasterCore
import Wire

/// A client's end of a stream of the master.
protocol StreamClient: AnyObject {
  /// The stream is open, or it has ended. `generation` tells the stream that the client asked for.
  func opened(_ generation: Int, streamID: String)
  func closed(_ generation: Int)
}

/// The daemon around a MasterCore: connections, timers, and the life that a crash ends.
final class MasterNode {
  private let world: World
  private let makeConfiguration: (Int) -> MasterConfiguration
  private(set) var core: MasterCore?
  private(set) var life = 0
  private var lastConnection: UInt64 = 0
  private var streams: [ConnectionID: Stream] = [:]
  private var records: [String: [UInt8]] = [:]
  private var tickIsQueued = false
  private var timer: Int64?

  private struct Stream {
    let client: any StreamClient
    let generation: Int
    /// To the client.
    let wire: Link
    let receiveScheduler: (SchedulerEvent) -> Void
    let receiveAgent: (AgentEvent) -> Void
    var isOpen = false
  }

  init(_ world: World, configuration: @escaping (Int) -> MasterConfiguration) {
    self.world = world
    makeConfiguration = configuration
    start()
  }

  var instant: Instant { Instant(monotonicNs: world.now, epochSeconds: Double(world.now) / 1e9) }

  func start() {
    life += 1
    world.note("master \(life) starts")
    core = MasterCore(
      configuration: makeConfiguration(life), recovering: (try? RegistryState(records: records)) ?? RegistryState(),
      policy: AnyOrder(), generator: SeededGenerator(state: UInt64(life)),
      now: instant)
    settle()
  }

  /// The process is gone: every stream breaks.
  func crash() {
    world.note("master \(life) crashes")
    core = nil
    life += 1
    timer = nil
    for (_, stream) in streams.sorted(by: { $0.key.number < $1.key.number }) { end(stream) }
    streams = [:]
  }

  // MARK: Requests

  /// Asks for a stream. Answers through the client, also when the master is down.
  func subscribe(
    _ client: any StreamClient, _ generation: Int, _ event: (ConnectionID) -> MasterEvent,
    receiveScheduler: @escaping (SchedulerEvent) -> Void = { _ in },
    receiveAgent: @escaping (AgentEvent) -> Void = { _ in }
  ) -> ConnectionID? {
    let stream = Stream(
      client: client, generation: generation, wire: Link(world), receiveScheduler: receiveScheduler,
      receiveAgent: receiveAgent)
    guard core != nil else {
      end(stream)
      return nil
    }
    let id = connection()
    streams[id] = stream
    handle(event(id))
    return id
  }

  func post(_ event: (ConnectionID) -> MasterEvent) { handle(event(connection())) }

  /// The client went away; nothing reaches it any more.
  func drop(_ id: ConnectionID) {
    guard let stream = streams.removeValue(forKey: id) else { return }
    stream.wire.cut()
    handle(.streamClosed(id))
  }

  private func connection() -> ConnectionID {
    lastConnection += 1
    return ConnectionID(lastConnection)
  }

  private func end(_ stream: Stream) {
    stream.wire.cut()
    world.after(World.millisecond) { stream.client.closed(stream.generation) }
  }

  // MARK: Turns

  func handle(_ event: MasterEvent) {
    guard let core else { return }
    apply(core.handle(event, at: instant))
    guard !tickIsQueued else { return }
    tickIsQueued = true
    let life = life
    world.after(0) { [self] in
      tickIsQueued = false
      if self.life == life { settle() }
    }
  }

  private func settle() {
    guard let core else { return }
    apply(core.handle(.tick, at: instant))
    guard let deadline = core.nextDeadline, timer.map({ $0 > deadline || $0 <= world.now }) ?? true else { return }
    timer = deadline
    let life = life
    world.at(deadline) { [self] in
      if self.life == life && timer == deadline { settle() }
    }
  }

  private func apply(_ effects: [MasterEffect]) {
    for effect in effects {
      switch effect {
      case .respond(let id, let status, _):
        // Of a subscription only a refusal is told this way.
        if status >= 300, let stream = streams.removeValue(forKey: id) { end(stream) }
      case .openScheduler(let id, let streamID): open(id, streamID)
      case .openAgent(let id): open(id, "")
      case .sendScheduler(let id, let event):
        if let stream = streams[id] { stream.wire.send { stream.receiveScheduler(event) } }
      case .sendAgent(let id, let event):
        if let stream = streams[id] { stream.wire.send { stream.receiveAgent(event) } }
      case .close(let id):
        guard let stream = streams.removeValue(forKey: id) else { continue }
        stream.wire.send { stream.client.closed(stream.generation) }
      case .persist(let number, let changes): write(number, changes)
      case .openOperator, .sendOperators, .log: break
      }
    }
  }

  /// A crash before the write loses it, one after it only the news.
  private func write(_ number: UInt64, _ changes: [RegistryChange]) {
    let life = life
    world.after(world.between(World.millisecond, 5 * World.millisecond)) { [self] in
      guard self.life == life else { return }
      for change in changes {
        switch change {
        case .put(let key, let value): records[key] = value
        case .delete(let key): records[key] = nil
        }
      }
      world.after(World.millisecond) { [self] in
        if self.life == life { handle(.persisted(number)) }
      }
    }
  }

  private func open(_ id: ConnectionID, _ streamID: String) {
    guard let stream = streams[id] else { return }
    stream.wire.send { stream.client.opened(stream.generation, streamID: streamID) }
  }
}

/// A policy without a will: every agent goes to some claimant that may have it.
private final class AnyOrder: AllocationPolicy {
  let id = "org.test.any-order"

  func allocate(
    _ view: UnsafePointer<tepui_allocation_view>, _ sink: UnsafePointer<tepui_grant_sink>
  ) -> AllocationOutcome {
    var chance = SeededGenerator(state: view.pointee.seed)
    let claimants = UnsafeBufferPointer(start: view.pointee.active, count: Int(view.pointee.active_count))
    for index in 0..<Int(view.pointee.candidate_count) {
      let agent = view.pointee.candidates[index]
      for claimant in claimants.shuffled(using: &chance) where tepui_may_offer(view, claimant, agent) != 0 {
        if sink.pointee.grant(sink.pointee.context, agent, claimant, nil) == TEPUI_OK { break }
      }
    }
    return .done
  }
}
