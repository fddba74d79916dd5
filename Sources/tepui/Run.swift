import ArgumentParser
import Daemon
import Glibc
import NIOCore
import Transport
import Wire

struct Run: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a command on the cluster, follow its output and end with its exit code.",
    discussion: """
      The command is started on the first agent that offers enough. Exit codes: that of the command; 128 and the number \
      of the signal that ended it; 125 if the cluster could not run it; 124 if --timeout was over.
      """)

  @OptionGroup var connection: ConnectionOptions
  @Option(help: "Name of the task.") var name: String
  @Option(help: "CPUs that the command needs.") var cpus: Double
  @Option(help: "Memory that the command needs, in MB.") var mem: Double
  @Option(help: "Disk that the command needs, in MB.") var disk: Double?
  @Option(help: "Role to ask for offers in.") var role = "*"
  @Option(help: "User to run as on the agent.") var user = Run.currentUser
  @Option(name: .customLong("env"), help: "Environment variable, NAME=VALUE; may be repeated.")
  var environment: [String] = []
  @Option(help: "Kill the command after this time, for example 90secs.") var timeout: DurationFlag?
  @Argument(parsing: .postTerminator, help: "The command and its arguments, after --.") var command: [String]

  func validate() throws {
    if command.isEmpty { throw ValidationError("give the command after --") }
    for (flag, value) in [("--cpus", cpus), ("--mem", mem), ("--disk", disk ?? 1)] where !(value > 0) {
      throw ValidationError("\(flag) is \(value); it must be more than 0")
    }
    for variable in environment where !variable.dropFirst().contains("=") {
      throw ValidationError("--env is '\(variable)'; it must be NAME=VALUE")
    }
  }

  func run() async throws {
    let outcome = try await connection.withCluster { cluster in
      await withCheckedContinuation { (continuation: CheckedContinuation<TaskRun.Outcome, Never>) in
        cluster.eventLoop.execute {
          let run = TaskRun(framework, task, on: cluster.eventLoop, master: cluster.endpoint, timeout: timeout)
          run.start { continuation.resume(returning: $0) }
        }
      }
    }
    if let message = outcome.message { Console.say(message) }
    throw ExitCode(outcome.exitCode)
  }

  private var framework: MesosFrameworkInfo {
    var framework = MesosFrameworkInfo()
    framework.user = user
    framework.name = "tepui run \(name)"
    framework.roles = [role]
    framework.checkpoint = true
    framework.setCapabilities(.multiRole, .partitionAware, .taskKillingState, .reservationRefinement)
    return framework
  }

  private var task: MesosTaskInfo {
    var task = MesosTaskInfo()
    task.name = name
    // The framework is this command's alone, so any id will do.
    task.taskID.value = "task"
    task.resources = [.scalar("cpus", cpus), .scalar("mem", mem)]
    if let disk { task.resources.append(.scalar("disk", disk)) }
    task.command.shell = false
    task.command.value = command[0]
    task.command.arguments = command
    task.command.environment.variables = environment.map { text in
      var variable = MesosEnvironment.Variable()
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      variable.name = String(parts[0])
      variable.value = String(parts[1])
      return variable
    }
    return task
  }

  private static var currentUser: String {
    getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? "root"
  }
}
