import ArgumentParser
import NIOPosix
import Transport

/// How fast one agent starts tasks, and what many that run take. `Tests/bench launch` starts the cluster.
struct RunningBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "running", abstract: "Launches per second of one agent, and the memory of running tasks.")

  @Option(help: "The master, host:port.") var master: String
  @Option(help: "The process id of the agent.") var agent: Int32
  @Option(help: "Trivial tasks, for the rate.") var launches = 3000
  @Option(help: "Tasks that run at a time, for the memory.") var running = 1000
  @Flag(help: "Fail when a figure is out of its checked-in bound.") var checkBounds = false

  func run() async throws {
    guard let master = Endpoint(master) else { throw ValidationError("--master must be host:port") }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let calibration = Calibration.seconds()
    var figures = Figures(calibration: calibration, checks: checkBounds)
    print("One agent with the isolator namespaces (calibration \(Int(calibration * 1000)) ms)")

    let many = try await Load.run(on: loop) { [launches] in Load(tasks: launches, master: master, eventLoop: loop) }
    try many.checkAllFinished()
    figures.tell("launches", Double(launches) / many.seconds, "a second")
    // 300 a second where the loop takes 0.145 s.
    figures.tell("1000 launches, start to exit", many.seconds * 1000 / Double(launches), "s", bound: 23)

    let memory = try await Load.run(on: loop) { [agent, running] in
      Load(tasks: running, command: ["/bin/sleep", "3600"], master: master, eventLoop: loop) {
        let supervisors = try ProcessMemory.descendants(of: agent, named: "tepui-superviso")
        return Load.Memory(
          supervisors: try supervisors.reduce(0) { try $0 + ProcessMemory.rssMB(of: $1) },
          agent: try ProcessMemory.rssMB(of: agent))
      }
    }
    guard let memory = memory.whileRunning, memory.supervisors > 0 else {
      throw Load.Failure("agent \(agent) has no supervisors")
    }
    figures.tell("a running task beside its own (RSS)", memory.supervisors / Double(running), "MB", atMost: 1)
    figures.tell("the agent with \(running) running tasks (RSS)", memory.agent, "MB", atMost: 80)
    try await group.shutdownGracefully()
    try figures.check()
  }
}
