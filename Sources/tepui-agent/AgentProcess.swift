import AgentCore
import Containment
import Daemon
import Dispatch
import Glibc
import Logging
import ModuleHost
import NIOCore
import Storage
import Transport
import Wire

/// The shell around `AgentCore`: turns requests, containers and time into inputs, and effects into deeds.
///
/// Belongs to one event loop. Inputs are handled as they come; their effects are carried out together at the end of the
/// loop's turn, so that one transaction stores all checkpoints of the turn.
final class AgentProcess {
  let setup: AgentSetup
  let loop: any EventLoop
  let log: Logger
  let modules: ModuleHost
  let startTime: Double
  private let store: RecordStore
  private let clock = Clock()
  private let endedPromise: EventLoopPromise<String>

  private var core: AgentCore?
  private var containers: Containers?
  private var checks: Checks?
  private var master: MasterConnection?
  private var garbage: GarbageCollector?
  let executors = ExecutorConnections()

  private var effects: [AgentEffect] = []
  private var endedContainers: [(id: String, sandbox: String?)] = []
  private var flushScheduled = false
  private var linkedAgentID: String?
  private let timer: LoopTimer

  init(_ setup: AgentSetup, on loop: any EventLoop) throws {
    self.setup = setup
    self.loop = loop
    log = setup.log
    timer = LoopTimer(on: loop)
    startTime = clock.seconds
    try Directories.make("\(setup.workDirectory)/meta", mode: 0o700)
    store = try RecordStore(path: "\(setup.workDirectory)/meta/agent.db", survives: .processEnd)
    modules = try ModuleHost(
      product: "tepui-agent", version: Product.version, directory: setup.flags.modulesDirectory.given,
      configuration: setup.flags.modules.given, logger: Logger(label: "modules"))
    endedPromise = loop.makePromise()
  }

  /// Why the process is to end, once it is.
  var ended: EventLoopFuture<String> { endedPromise.futureResult }

  /// Loads the isolators, listens, recovers, and connects to the master. Handlers answer 503 until the recovery.
  ///
  /// Fails without listening when a module cannot be used.
  func start() -> EventLoopFuture<Void> {
    let this = NIOLoopBound(self, eventLoop: loop)
    let server = loop.makeCompletedFuture(withResultOf: loadIsolators).flatMap {
      HTTPServer.bind(
        on: this.eventLoop, ip: this.value.setup.listenIP, port: this.value.setup.flags.port,
        router: Endpoints(this.value).router)
    }
    let started = server.flatMapThrowing { server in
      this.value.log.info("listening on \(server.ip):\(server.port)")
      try this.value.recover(port: server.port)
    }
    started.whenFailure { this.value.endedPromise.fail($0) }
    return started
  }

  private func loadIsolators() throws {
    let this = NIOLoopBound(self, eventLoop: loop)
    let containers = try Containers(setup, modules: modules) { input in
      this.eventLoop.execute { this.value.feed(input) }
    }
    self.containers = containers
    checks = Checks(containers, on: loop) { this.value.feed($0) }
  }

  private func recover(port: Int) throws {
    let this = NIOLoopBound(self, eventLoop: loop)
    var generator = SystemRandomNumberGenerator()
    core = try AgentCore(setup.configuration(port: port), recovering: try store.load()) {
      withUnsafeBytes(of: (generator.next(), generator.next())) { Array($0) }
    }
    let backoffNs = setup.flags.registrationBackoffFactor.nanoseconds
    let master = MasterConnection(to: setup.master, backoffFactorNs: backoffNs, on: loop) { this.value.feed($0) }
    self.master = master
    feed(.start)
    collectGarbage()
    master.connect(afterNs: 0)
  }

  private func collectGarbage() {
    let this = NIOLoopBound(self, eventLoop: loop)
    let garbage = GarbageCollector(
      setup.garbage, on: loop, isLive: { [unowned self] id in core?.isLive(container: id) ?? true },
      removeParents: { removed in
        this.eventLoop.execute {
          let process = this.value
          process.containers?.removeEmptyParents(of: removed, below: process.setup.workDirectory, process.agentID)
        }
      })
    self.garbage = garbage
    garbage.start()
  }

  func received(signal: Int32) {
    if signal == SIGUSR1 {
      feed(.unregister(reason: "the agent unregistered"))
    } else {
      end("signal \(signal)")
    }
  }

  /// Containers stay; the next agent finds those that have checkpoints.
  private func end(_ reason: String) {
    flush()
    containers?.close()
    endedPromise.succeed(reason)
  }

  private func stop(_ reason: String) {
    let promise = endedPromise
    // The last word to the master may still be on its way.
    let containers = containers
    master?.finish(within: .seconds(2)) {
      containers?.close()
      promise.succeed(reason)
    }
  }

  // MARK: Turns

  var hasRecovered: Bool { core != nil }

  var agentID: String? { core?.agentID }

  var agentInfo: MesosAgentInfo { core?.describedInfo() ?? setup.info }

  /// O(everything on the agent).
  var state: AgentState? { core?.state() }

  func feed(_ input: AgentInput) {
    switch input {
    case .containerExited(let id, _), .containerLaunchFailed(let id, _):
      endedContainers.append((id, core?.sandbox(ofContainer: id)))
    default: break
    }
    guard let turn = core?.handle(input, at: clock.nanoseconds) else { return }
    effects += turn
    guard !flushScheduled else { return }
    flushScheduled = true
    let this = NIOLoopBound(self, eventLoop: loop)
    loop.execute { this.value.flush() }
  }

  private func flush() {
    flushScheduled = false
    let turn = effects
    effects = []
    guard commit(turn) else { return }
    // Their ends are stored now, so what containment kept of them is not needed again. Before a stop, which leaves nothing.
    for (id, sandbox) in endedContainers { containers?.forget(id, sandbox: sandbox) }
    endedContainers = []
    for effect in turn { carryOut(effect) }
    linkLatest()
    scheduleTick()
  }

  /// Stores what has to be known before anything else of the turn may happen.
  private func commit(_ turn: [AgentEffect]) -> Bool {
    var changes: [RecordStore.Change] = []
    for effect in turn {
      switch effect {
      case .persist(let key, let value): changes.append(.put(key: key, value: value))
      case .forget(let key): changes.append(.delete(key: key))
      case .forgetEverything: changes.append(.deleteAll)
      default: break
      }
    }
    do {
      try store.apply(changes)
      return true
    } catch {
      // Going on would promise what a restart could not keep. Tasks live on, and the next agent finds them.
      log.critical("Ending, because checkpoints cannot be written: \(error)")
      exit(EXIT_FAILURE)
    }
  }

  private func carryOut(_ effect: AgentEffect) {
    switch effect {
    case .persist, .forget, .forgetEverything: break
    case .subscribe(let call): master?.subscribe(call)
    case .sendToMaster(let call): master?.send(call)
    case .dropMaster(let reason): master?.drop(reason)
    case .respond(let exchange, let status, let text): executors.respond(exchange, status: status, text: text)
    case .openStream(let exchange): openStream(exchange)
    case .sendToExecutor(let exchange, let event): executors.send(event, to: exchange)
    case .closeStream(let exchange): executors.close(exchange)
    case .launch(let launch): containers?.launch(launch)
    case .cancelLaunch(let id): containers?.cancelLaunch(id)
    case .recover(let launch): containers?.recover(launch)
    case .signal(let id, let signal): containers?.signal(id, signal)
    case .destroy(let id): containers?.destroy(id)
    case .update(let id, let requests, let limits): containers?.update(id, requests: requests, limits: limits)
    case .destroyOrphans(let keep): containers?.destroyOrphans(keeping: keep)
    case .startCheck(let run): checks?.start(run)
    case .endCheck(let run): checks?.end(run)
    case .changeVolumes(let operation, let make, let remove):
      containers?.changeVolumes(operation, make: make, remove: remove)
    case .deleteRemoved(let trashes, let keep): containers?.deleteRemoved(trashes, keeping: keep)
    case .addVolumes(let added): containers?.add(added)
    case .log(let level, let text): log.log(level: level.logger, "\(text)")
    case .stop(let reason): stop(reason)
    }
  }

  private func openStream(_ exchange: ExchangeID) {
    let this = NIOLoopBound(self, eventLoop: loop)
    executors.open(exchange) { this.value.feed(.executorDisconnected(exchange)) }
  }

  /// Protocol fact 112: `slaves/latest`.
  private func linkLatest() {
    guard let agentID, agentID != linkedAgentID else { return }
    linkedAgentID = agentID
    let slaves = "\(setup.workDirectory)/slaves"
    do {
      try Directories.make(slaves, mode: 0o755)
      try Directories.link("\(slaves)/latest", to: agentID)
    } catch {
      log.warning("\(error)")
    }
  }

  /// A tick that comes early does no harm, so a timer that is early enough stays.
  private func scheduleTick() {
    guard let deadline = core?.nextDeadline() else { return }
    let due = NIODeadline.now() + .nanoseconds(max(0, deadline - clock.nanoseconds))
    if let set = timer.deadline, set <= due { return }
    timer.set(to: due) { [self] in feed(.tick) }
  }

  // MARK: For endpoints

  /// Counts what there is now; to be called on any thread. nil until the recovery.
  var metrics: (@Sendable () -> Metrics)? {
    guard let state else { return nil }
    let startTime = startTime
    let (fetches, removals) = (containers?.fetcher.statistics, garbage?.statistics)
    return {
      var metrics = Metrics(state, startTime: startTime)
      if let fetches { metrics.add(fetches) }
      if let removals { metrics.add(removals) }
      return metrics
    }
  }

  /// Measures live containers; `done` is called on the loop with values by container.
  func measure(_ ids: [String], _ done: @escaping ([String: [String: Double]]) -> Void) {
    guard let containers else { return done([:]) }
    containers.measure(ids, on: loop, done)
  }
}

extension LogLevel {
  var logger: Logger.Level {
    switch self {
    case .debug: .debug
    case .info: .info
    case .warning: .warning
    case .error: .error
    }
  }
}
