import ArgumentParser
import Daemon
import Glibc
import Logging
import NIOCore
import NIOPosix

@main
struct AgentCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tepui-agent", abstract: "Runs the tasks of frameworks on this machine, contained by modules.",
    discussion: """
      Flags have the names of Apache Mesos' agent. Each may also be given as an environment variable, TEPUI_WORK_DIR \
      for --work_dir; the command line wins.

      SIGTERM ends the agent and leaves tasks of checkpointing frameworks running for the next one. SIGUSR1 ends the \
      tasks too and has the master forget the agent.
      """,
    version: Product.version)

  @OptionGroup var flags: AgentFlags

  func run() throws {
    let unknown = try EnvironmentDefault.check()
    ConsoleLog.install(level: flags.loggingLevel)
    let log = Logger(label: "agent")
    for name in unknown { log.warning("The environment variable \(name) is not a flag of this program") }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    do {
      let setup = try AgentSetup(flags, log: log)
      let process = try loop.submit { NIOLoopBound(try AgentProcess(setup, on: loop), eventLoop: loop) }.wait()
      try loop.flatSubmit { process.value.start() }.wait()
      let signals = Signals([SIGTERM, SIGINT, SIGUSR1]) { number in
        loop.execute { process.value.received(signal: number) }
      }
      let reason = try loop.flatSubmit { process.value.ended }.wait()
      withExtendedLifetime(signals) { log.info("Ended: \(reason)") }
    } catch let error as any CustomStringConvertible & Error {
      log.critical("\(error)")
      throw ExitCode.failure
    }
  }
}
