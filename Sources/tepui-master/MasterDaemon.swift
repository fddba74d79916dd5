import Daemon
import Dispatch
import Files
import Glibc
import Logging
import MasterCore
import ModuleHost
import NIOCore
import Storage
import Transport
import Wire

/// The shell around MasterCore: turns requests and time into its events, and its effects into answers and streams.
///
/// Everything belongs to one event loop, the core too; so nothing here needs a lock.
final class MasterDaemon: @unchecked Sendable {
  /// What a connection id of the core stands for.
  enum Peer {
    case waiting(Responder, WireFormat)
    case stream(HTTPStream, WireFormat)
    case subscriber(OperatorStream)
  }

  let logger: Logger
  let modules: ModuleHost
  let eventLoop: any EventLoop
  let flags: [String: String]
  private var configuration: MasterConfiguration
  private let policy: LoadedAllocator
  private let registryStore: RecordStore?
  private let recovering: RegistryState
  private(set) lazy var registry = RegistryWriter(
    registryStore, fetchedIn: fetchMs, on: eventLoop, logger: logger
  ) { [unowned self] in handle(.persisted($0)) }
  private let fetchMs: Double
  /// Set as soon as the port is known: the core tells it to frameworks.
  private(set) var core: MasterCore?
  let files: FileService
  let loopDelay: LoopDelay
  var peers: [ConnectionID: Peer] = [:]
  private var nextConnection: UInt64 = 0
  private var tickIsQueued = false
  private let timer: LoopTimer

  init(
    configuration: MasterConfiguration, flags: [String: String], registry: RecordStore?, policy: LoadedAllocator,
    modules: ModuleHost, eventLoop: any EventLoop, logger: Logger
  ) throws {
    registryStore = registry
    let begin = NIODeadline.now()
    recovering = try RegistryState(records: registry?.load() ?? [:])
    fetchMs = Double((NIODeadline.now() - begin).nanoseconds) / 1e6
    self.configuration = configuration
    self.flags = flags
    self.policy = policy
    self.modules = modules
    self.eventLoop = eventLoop
    self.logger = logger
    timer = LoopTimer(on: eventLoop)
    loopDelay = LoopDelay(of: eventLoop)
    let log = LogFile(named: "/master/log", external: flags["external_log_file"])
    files = FileService {
      log
    } attached: {
      log.attached
    }
  }

  /// Starts to serve. Called from the thread that starts the daemon.
  func listen(ip: String, port: Int) throws {
    let server = try eventLoop.flatSubmit {
      HTTPServer.bind(on: self.eventLoop, ip: ip, port: port, router: self.router()).map { server in
        self.start(port: server.port)
        return server
      }
    }.wait()
    logger.info(
      "Tepui \(Product.version) master \(configuration.id) is listening on \(server.ip):\(server.port), policy \(policy.id)"
    )
  }

  private func start(port: Int) {
    configuration.port = port
    core = MasterCore(
      configuration: configuration, recovering: recovering, policy: policy, generator: SystemRandomNumberGenerator(),
      now: Self.now())
    scheduleTimer()
    loopDelay.start()
  }

  /// Blocks until SIGINT or SIGTERM.
  func waitForSignal() -> Int32 {
    let ended = DispatchSemaphore(value: 0)
    let number = SignalNumber()
    let signals = Signals([SIGINT, SIGTERM]) { signal in
      number.value = signal
      ended.signal()
    }
    ended.wait()
    return withExtendedLifetime(signals) { number.value }
  }

  private final class SignalNumber: @unchecked Sendable {
    /// Written before the semaphore is raised and read after.
    var value: Int32 = 0
  }

  // MARK: Events and effects

  /// Hands an event to the core and does what it wants. The core's tick comes once per turn of the loop.
  func handle(_ event: MasterEvent) {
    guard let core else { return }
    perform(core.handle(event, at: Self.now()))
    guard !tickIsQueued else { return }
    tickIsQueued = true
    eventLoop.assumeIsolated().execute { [self] in tick() }
  }

  private func tick() {
    tickIsQueued = false
    guard let core else { return }
    perform(core.handle(.tick, at: Self.now()))
    scheduleTimer()
  }

  private func scheduleTimer() {
    guard let next = core?.nextDeadline else { return timer.cancel() }
    // Both clocks are the monotonic one.
    let deadline = NIODeadline.uptimeNanoseconds(UInt64(max(0, next)))
    if timer.deadline == deadline { return }
    timer.set(to: deadline) { [self] in tick() }
  }

  func connection(_ peer: Peer) -> ConnectionID {
    nextConnection += 1
    let id = ConnectionID(nextConnection)
    peers[id] = peer
    return id
  }

  private func perform(_ effects: [MasterEffect]) {
    for effect in effects {
      switch effect {
      case .respond(let id, let status, let text): respond(id, status, text)
      case .openScheduler(let id, let streamID): open(id, headers: [("Mesos-Stream-Id", streamID)])
      case .openAgent(let id): open(id, headers: [])
      case .sendScheduler(let id, let event): send(event, to: id)
      case .sendAgent(let id, let event): send(event, to: id)
      case .openOperator(let id, let capture): openOperator(id, capture)
      case .sendOperators(let ids, let event): send(event, to: ids)
      case .close(let id):
        switch peers.removeValue(forKey: id) {
        case .stream(let stream, _): stream.close()
        case .subscriber(let subscriber): subscriber.stream.close()
        case .waiting, nil: break
        }
      case .persist(let number, let changes): registry.write(number, changes)
      case .log(let level, let text): log(level, text)
      }
    }
  }

  private func respond(_ id: ConnectionID, _ status: Int, _ text: String) {
    guard case .waiting(let responder, _) = peers.removeValue(forKey: id) else { return }
    let status = HTTPStatus.of(status)
    responder.respond(text.isEmpty && status.code < 300 ? Response(status) : .error(status, text.isEmpty ? nil : text))
  }

  /// Protocol fact 11: the stream's content type is that of its records.
  private func open(_ id: ConnectionID, headers: [(String, String)]) {
    guard case .waiting(let responder, let format) = peers[id] else { return }
    let stream = responder.startStream(headers: .init(headers + [("Content-Type", format.rawValue)]))
    peers[id] = .stream(stream, format)
    stream.onClose { [self] in closed(id, $0) }
  }

  func closed(_ id: ConnectionID, _ reason: HTTPStream.CloseReason) {
    if case .peerTooSlow(let bytes) = reason {
      logger.warning("closed the stream of a peer that did not read: \(bytes) bytes waited for it")
    }
    if peers.removeValue(forKey: id) != nil { handle(.streamClosed(id)) }
  }

  private func send(_ event: SchedulerEvent, to id: ConnectionID) {
    guard case .stream(let stream, let format) = peers[id] else { return }
    for record in format.records(of: event) { stream.send(record: record) }
  }

  private func send(_ event: AgentEvent, to id: ConnectionID) {
    guard case .stream(let stream, let format) = peers[id] else { return }
    stream.send(record: format.encode(event))
  }

  private func log(_ level: LogLevel, _ text: String) {
    switch level {
    case .debug: logger.debug("\(text)")
    case .info: logger.info("\(text)")
    case .warning: logger.warning("\(text)")
    case .error: logger.error("\(text)")
    }
  }
}
