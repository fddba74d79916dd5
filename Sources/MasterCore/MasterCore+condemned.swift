import Resources
import Wire

/// Tasks and executors of frameworks without checkpoints, whose loss was told when their agent disconnected (protocol
/// fact 88). If only the connection broke, they live on; to keep that word true they are ended when the agent is back,
/// and nothing more is told of them.
struct Condemned {
  /// What a task holds since its agent is back with it.
  var tasks: [String: Resources] = [:]
  var executors: Set<String> = []
}

extension MasterCore {
  /// To be called before the tasks of a framework on a lost agent are forgotten.
  func condemn(framework: String, on agent: Agent) {
    var condemned = condemned[agent.id]?[framework] ?? Condemned()
    for task in agent.tasks[framework] ?? [] where condemned.tasks[task] == nil { condemned.tasks[task] = Resources() }
    condemned.executors.formUnion((agent.executors[framework] ?? [:]).keys)
    self.condemned[agent.id, default: [:]][framework] = condemned
  }

  func isCondemned(_ task: String, of framework: String, on agent: String) -> Bool {
    condemned[agent]?[framework]?.tasks[task] != nil
  }

  /// An agent brought a condemned task back: it is charged until it has ended, and told to end.
  func endCondemned(_ task: String, holding resources: Resources, of framework: Framework, on agent: Agent) {
    guard let held = condemned[agent.id]?[framework.id]?.tasks[task] else { return }
    if held.isEmpty {
      condemned[agent.id]?[framework.id]?.tasks[task] = resources
      ledger.allocate(resources, agent: agent.slot, framework: framework.slot)
    }
    log(.info, "Ending task \(task) of framework \(framework.id) on agent \(agent.id): its loss was told")
    var event = AgentEvent()
    event.kill.frameworkID.value = framework.id
    event.kill.taskID.value = task
    send(event, to: agent)
  }

  func endCondemned(executor: String, of framework: Framework, on agent: Agent) {
    guard condemned[agent.id]?[framework.id]?.executors.remove(executor) != nil else { return }
    var event = AgentEvent()
    event.shutdownExecutor.frameworkID.value = framework.id
    event.shutdownExecutor.executorID.value = executor
    send(event, to: agent)
  }

  /// Takes a status of a condemned task: nobody waits for it but the agent, which wants it acknowledged.
  func acknowledgeCondemned(_ status: MesosTaskStatus, latest: MesosTaskState, of framework: Framework, on agent: Agent)
  {
    let id = status.taskID.value
    if latest.isTerminal { releaseCondemned(id, of: framework, on: agent) }
    if status.state.isTerminal { condemned[agent.id]?[framework.id]?.tasks[id] = nil }
    var event = AgentEvent()
    event.acknowledge.frameworkID.value = framework.id
    event.acknowledge.taskID = status.taskID
    event.acknowledge.uuid = status.uuid
    send(event, to: agent)
  }

  /// What an agent that is back does not bring along has ended.
  func forgetCondemned(except alive: [String: Set<String>], on agent: Agent) {
    for (id, condemned) in condemned[agent.id] ?? [:] {
      for task in condemned.tasks.keys where !(alive[id]?.contains(task) ?? false) {
        if let framework = frameworks[id] { releaseCondemned(task, of: framework, on: agent) }
        self.condemned[agent.id]?[id]?.tasks[task] = nil
      }
      self.condemned[agent.id]?[id]?.executors = []
      if self.condemned[agent.id]?[id]?.tasks.isEmpty ?? true { self.condemned[agent.id]?[id] = nil }
    }
    if condemned[agent.id]?.isEmpty ?? false { condemned[agent.id] = nil }
  }

  /// Takes back what condemned tasks hold, before an agent or a framework goes.
  func releaseCondemned(on agent: Agent, of framework: Framework) {
    for task in condemned[agent.id]?[framework.id]?.tasks.keys.sorted() ?? [] {
      releaseCondemned(task, of: framework, on: agent)
    }
  }

  private func releaseCondemned(_ task: String, of framework: Framework, on agent: Agent) {
    guard let held = condemned[agent.id]?[framework.id]?.tasks[task], !held.isEmpty else { return }
    condemned[agent.id]?[framework.id]?.tasks[task] = Resources()
    ledger.recover(held, agent: agent.slot, framework: framework.slot)
  }
}
