import ArgumentParser
import Daemon
import Wire

/// A command that changes one agent.
protocol AgentCommand: AsyncParsableCommand {
  var connection: ConnectionOptions { get }
  var agent: String { get }
  func fill(_ call: inout MesosMasterCall)
}

extension AgentCommand {
  func run() async throws {
    do {
      _ = try await connection.withCluster { try await $0.operate(fill) }
    } catch let failure as Failure {
      throw Failure("agent \(agent): \(failure); 'tepui agents' lists agents and their states")
    }
  }
}

struct Drain: AgentCommand {
  static let configuration = CommandConfiguration(
    abstract: "End the tasks of an agent and offer it no more.",
    discussion: "Comes back at once; 'tepui agents' shows when the agent is drained. Undone by 'tepui reactivate'.")
  @OptionGroup var connection: ConnectionOptions
  @Argument(help: "Id of the agent.") var agent: String
  @Option(help: "The most time that a task may take to end, such as 5mins; without it, as long as tasks say.")
  var grace: DurationFlag?
  @Flag(help: "Mark the agent gone when it is drained.") var gone = false

  func fill(_ call: inout MesosMasterCall) {
    call.type = .drainAgent
    call.drainAgent.agentID.value = agent
    call.drainAgent.markGone = gone
    if let grace {
      call.drainAgent.maxGracePeriod.seconds = grace.nanoseconds / 1_000_000_000
      call.drainAgent.maxGracePeriod.nanos = Int32(grace.nanoseconds % 1_000_000_000)
    }
  }
}

struct Deactivate: AgentCommand {
  static let configuration = CommandConfiguration(abstract: "Offer an agent no more; its tasks go on.")
  @OptionGroup var connection: ConnectionOptions
  @Argument(help: "Id of the agent.") var agent: String

  func fill(_ call: inout MesosMasterCall) {
    call.type = .deactivateAgent
    call.deactivateAgent.agentID.value = agent
  }
}

struct Reactivate: AgentCommand {
  static let configuration = CommandConfiguration(abstract: "Offer an agent again that was deactivated or drained.")
  @OptionGroup var connection: ConnectionOptions
  @Argument(help: "Id of the agent.") var agent: String

  func fill(_ call: inout MesosMasterCall) {
    call.type = .reactivateAgent
    call.reactivateAgent.agentID.value = agent
  }
}

struct Gone: AgentCommand {
  static let configuration = CommandConfiguration(
    abstract: "Declare that an agent is gone for good: its tasks are, and it may not come back.",
    discussion: "Cannot be undone. To end tasks first: tepui drain --gone AGENT.")
  @OptionGroup var connection: ConnectionOptions
  @Argument(help: "Id of the agent.") var agent: String

  func fill(_ call: inout MesosMasterCall) {
    call.type = .markAgentGone
    call.markAgentGone.agentID.value = agent
  }
}
