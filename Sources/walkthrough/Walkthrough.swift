import ArgumentParser
import NIOCore
import NIOPosix
import SchedulerClient
import Transport
import Wire

/// Plays the main job on a running cluster of one agent with 4 CPUs and 4 GB: what `Sources/quickstart` shows. Prints
/// what it saw on the wire and fails at the first thing that it did not see.
@main
struct Walkthrough: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tepui-walkthrough", abstract: "Play the main job on a cluster of one agent.",
    subcommands: [Play.self, Execute.self], defaultSubcommand: Play.self)
}

struct Play: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Be the two frameworks, and print what is seen.")

  @Option(help: "The master, host:port.") var master: String
  @Option(help: "The agent, host:port.") var agent: String
  @Option(help: "Absolute path of this program, which the agent starts as framework 1's executor.") var executor: String

  func run() async throws {
    guard let master = Endpoint(master), let agent = Endpoint(agent) else {
      throw ValidationError("--master and --agent must be host:port")
    }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let stage = Stage(master: master, agent: agent, eventLoop: group.next(), executor: executor)
    do {
      try await stage.play()
    } catch {
      print("NOT SEEN: \(error)")
      throw ExitCode.failure
    }
    try await group.shutdownGracefully()
  }
}

/// The cluster and the steps of the play.
struct Stage: Sendable {
  let master: Endpoint
  let agent: Endpoint
  let eventLoop: any EventLoop
  let executor: String

  private static let whole = Amounts(cpus: 4, mem: 4096)
  private static let first = Amounts(cpus: 2, mem: 1024)
  private static let second = Amounts(cpus: 1, mem: 2048)
  private static let rest = Amounts(cpus: 1, mem: 1024)

  func play() async throws {
    let endpoints = Endpoints(master: master, agent: agent, eventLoop: eventLoop)
    let reported = try await endpoints.reportedByAgent()
    try expect(reported, Self.whole, "the agent's resources")
    say(1, "GET /slaves: the agent reports \(reported).")

    let policy = try await endpoints.policy()
    let one = Scheduler(named: "framework-1", master: master, eventLoop: eventLoop)
    defer { one.tearDown() }
    let everything = try await one.offer()
    try expect(everything.amounts, Self.whole, "the offer to framework 1")
    say(2, "The policy module \(policy) gives all of it to framework 1,")
    say(3, "and the master offers it: OFFERS \(everything.id.value) with \(everything.amounts) to framework 1.")

    let two = Scheduler(named: "framework-2", master: master, eventLoop: eventLoop)
    defer { two.tearDown() }
    try await two.subscribed()
    one.accept(everything, [task("task-1", Self.first, everything), task("task-2", Self.second, everything)])
    say(4, "Framework 1 accepts with two tasks: task-1 \(Self.first), task-2 \(Self.second).")

    try await one.state("task-1", .taskRunning)
    try await one.state("task-2", .taskRunning)
    let given = try await endpoints.executor()
    try expect(given.resources, Self.first + Self.second, "the resources of framework 1's executor")
    say(5, "The agent gives framework 1's executor \(given.resources) (\(given.containment)),")
    say(6, "which launches both tasks: UPDATE task-1 TASK_RUNNING, UPDATE task-2 TASK_RUNNING.")

    let rest = try await two.offer()
    try expect(rest.amounts, Self.rest, "the offer to framework 2")
    say(7, "What remains goes to framework 2: OFFERS \(rest.id.value) with \(rest.amounts).")

    try await one.state("task-1", .taskFinished)
    say(8, "task-1 ends: UPDATE task-1 TASK_FINISHED.")
    let (again, framework) = try await offerToEither(one, two)
    try expect(again.amounts, Self.first, "the offer after task-1 ended")
    say(9, "What it held is offered again: OFFERS \(again.id.value) with \(again.amounts) to \(framework).")
  }

  private func offerToEither(_ one: Scheduler, _ two: Scheduler) async throws -> (MesosOffer, String) {
    try await withThrowingTaskGroup(of: (MesosOffer, String).self) { group in
      for scheduler in [one, two] { group.addTask { (try await scheduler.offer(), scheduler.name) } }
      defer { group.cancelAll() }
      guard let first = try await group.next() else { throw NotSeen("no framework got an offer") }
      return first
    }
  }

  private func task(_ name: String, _ amounts: Amounts, _ offer: MesosOffer) -> MesosTaskInfo {
    var task = MesosTaskInfo()
    task.name = name
    task.taskID.value = name
    task.agentID = offer.agentID
    task.resources = [.scalar("cpus", amounts.cpus), .scalar("mem", amounts.mem)]
    task.executor.executorID.value = "executor"
    task.executor.command.shell = false
    task.executor.command.value = executor
    task.executor.command.arguments = [executor, "execute"]
    // What the executor runs for the task.
    task.data = .init((name == "task-1" ? "sleep 2" : "sleep 600").utf8)
    return task
  }

  private func expect(_ seen: Amounts, _ expected: Amounts, _ what: String) throws {
    guard seen == expected else { throw NotSeen("\(what): expected \(expected), saw \(seen)") }
  }

  private func say(_ step: Int, _ text: String) {
    print("  \(step). \(text)")
  }
}

struct NotSeen: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// CPUs and MB of memory.
struct Amounts: Equatable, Sendable, CustomStringConvertible {
  var cpus: Double
  var mem: Double

  static func + (a: Amounts, b: Amounts) -> Amounts { Amounts(cpus: a.cpus + b.cpus, mem: a.mem + b.mem) }

  var description: String { "<\(text(cpus)) CPU, \(text(mem)) MB>" }
  private func text(_ value: Double) -> String { value.rounded() == value ? String(Int(value)) : String(value) }
}

extension MesosOffer {
  var amounts: Amounts { Amounts(cpus: scalar("cpus"), mem: scalar("mem")) }
}
