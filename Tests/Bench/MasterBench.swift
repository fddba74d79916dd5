import ArgumentParser
import Daemon
import NIOCore
import NIOPosix
import Transport
import Wire

/// The master as a whole, under agents and frameworks that this process plays over real sockets. `Tests/bench master`
/// starts a master for each size and calls this.
struct MasterBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "master", abstract: "Figures of a master under simulated agents and frameworks.")

  @Option(help: "The master, host:port.") var master: String
  @Option(help: "The process id of the master.") var pid: Int32
  @Option(help: "Agents that register.") var agents = 10_000
  @Option(help: "Tasks that each agent brings along.") var tasksEach = 0
  @Option(help: "Frameworks that subscribe and decline what they are offered.") var frameworks = 1000
  @Option(help: "Seconds of steady state.") var seconds = 20
  @Flag(help: "Fail when a figure is out of its checked-in bound.") var checkBounds = false

  func run() async throws {
    guard let endpoint = Endpoint(master), let port = UInt16(exactly: endpoint.port) else {
      throw ValidationError("--master must be host:port")
    }
    let needed = agents + frameworks * 2 + 500
    let limit = OpenFiles.allowMost()
    guard limit >= needed else {
      throw Load.Failure("\(needed) open files are needed and only \(limit) allowed; raise the limit with ulimit -Hn")
    }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let process = MasterProcess(pid: pid, endpoint: endpoint, client: AsyncHTTPClient(eventLoop: loop))
    let calibration = Calibration.seconds()
    var figures = Figures(calibration: calibration, checks: checkBounds)
    print("\(agents) agents, \(tasksEach * agents) tasks, \(frameworks) frameworks (calibration \(ms(calibration)) ms)")

    let cpu = try process.cpuSeconds()
    let begin = NIODeadline.now()
    let simulated = try await start(loop, endpoint)
    let wall = Double((NIODeadline.now() - begin).nanoseconds) / 1e9
    let registration = try process.cpuSeconds() - cpu
    let per = tasksEach == 0 ? "registration" : "registration with tasks"
    figures.tell(
      per, registration * 10_000 / Double(agents), "s of CPU for 10,000 agents", bound: tasksEach == 0 ? 12 : 60)
    figures.tell("wall", wall, "s")
    try await tellDelay("delay while registering", process, &figures, bound: nil)

    try await tellDumps("at rest", process, endpoint.host, port, &figures, bound: 3.6)

    let load = try await startFrameworks(loop, endpoint)
    try await Task.sleep(for: .seconds(seconds))
    let before = try process.cpuSeconds()
    try await Task.sleep(for: .seconds(10))
    figures.tell("steady state", (try process.cpuSeconds() - before) * 10, "% of a core")
    try await tellDelay("delay in steady state", process, &figures, bound: 20)
    print("  \(try await counts(simulated, load))")

    try await tellDumps("under these offers", process, endpoint.host, port, &figures, bound: 5)
    figures.tell("memory of the master", try process.memoryMB(), "MB")
    try await group.shutdownGracefully()
    try figures.check()
  }

  private func start(_ loop: any EventLoop, _ master: Endpoint) async throws -> NIOLoopBound<SimulatedAgents> {
    let agents = try await loop.submit {
      let simulated = SimulatedAgents(master: master, eventLoop: loop)
      simulated.start(self.agents, tasksEach: tasksEach, frameworks: EarlierFrameworks.make(frameworks))
      return NIOLoopBound(simulated, eventLoop: loop)
    }.get()
    try await wait(loop, "agents") { (agents.value.isDone, agents.value.failure) }
    return agents
  }

  private func startFrameworks(_ loop: any EventLoop, _ master: Endpoint) async throws
    -> NIOLoopBound<SimulatedFrameworks>
  {
    let load = try await loop.submit {
      let simulated = SimulatedFrameworks(master: master, eventLoop: loop)
      simulated.start(frameworks)
      return NIOLoopBound(simulated, eventLoop: loop)
    }.get()
    try await wait(loop, "frameworks") { (load.value.isDone, load.value.failure) }
    return load
  }

  private func wait(
    _ loop: any EventLoop, _ what: String, _ state: @escaping @Sendable () -> (isDone: Bool, failure: String?)
  ) async throws {
    let deadline = NIODeadline.now() + .seconds(120)
    while true {
      let (isDone, failure) = try await loop.submit(state).get()
      if let failure { throw Load.Failure(failure) }
      if isDone { return }
      guard NIODeadline.now() < deadline else { throw Load.Failure("not all \(what) subscribed within 120 s") }
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  private func counts(
    _ agents: NIOLoopBound<SimulatedAgents>, _ load: NIOLoopBound<SimulatedFrameworks>
  ) async throws -> String {
    try await agents.eventLoop.submit {
      if let failure = agents.value.failure ?? load.value.failure { throw Load.Failure(failure) }
      return "\(load.value.offers) offers declined, \(load.value.heartbeats) heartbeats, \(agents.value.pings) pings"
    }.get()
  }

  /// What an operator waits for `/state`, and how long others wait for the loop while one is asked for after the other. Of
  /// those the best is judged: what else the machine does only makes it slower.
  private func tellDumps(
    _ when: String, _ process: MasterProcess, _ host: String, _ port: UInt16, _ figures: inout Figures, bound: Double
  ) async throws {
    var best: StateDump?
    var count = 0
    // The master tells delays of the last 10 s.
    let end = NIODeadline.now() + .seconds(10)
    repeat {
      let dump = try await Task.detached { try StateDump.read(host: host, port: port) }.value
      guard dump.isWhole else { throw Load.Failure("the answer to /state ended early, after \(dump.bytes) bytes") }
      if dump.totalMs < best?.totalMs ?? .infinity { best = dump }
      count += 1
    } while NIODeadline.now() < end
    guard let best else { return }
    figures.tell("/state \(when)", best.totalMs / 1000, "s (Apache Mesos publishes 1.86 s)", bound: bound)
    print("  of it: first byte \(ms(best.firstByteMs / 1000)) ms, \(best.bytes >> 20) MB; the best of \(count)")
    try await tellDelay("delay while dumping \(when)", process, &figures, bound: 20)
  }

  private func tellDelay(
    _ name: String, _ process: MasterProcess, _ figures: inout Figures, bound: Double?
  ) async throws {
    let delay = try await process.loopDelay()
    figures.tell(
      name, delay.p99Ms, "ms p99 (p50 \(ms(delay.p50Ms / 1000)), max \(ms(delay.maxMs / 1000)))", atMost: bound)
  }

  private func ms(_ seconds: Double) -> Double { (seconds * 10_000).rounded() / 10 }
}
