import MasterCore
import Resources
import Wire

extension ReadModel {
  /// /state-summary: agents and frameworks with counts in place of their tasks.
  func stateSummary() -> [UInt8] {
    struct Answer: Encodable {
      let hostname: String
      let cluster: String?
      let slaves: [AgentSummary]
      let frameworks: [FrameworkSummary]
    }
    var countsOfAgents: [String: TaskCounts] = [:]
    var frameworksOfAgents: [String: Set<String>] = [:]
    for framework in snapshot.frameworks {
      for task in framework.tasks + framework.unreachableTasks + framework.completedTasks {
        countsOfAgents[task.agentID, default: TaskCounts()].add(task)
        frameworksOfAgents[task.agentID, default: []].insert(task.frameworkID)
      }
    }
    return encode(
      Answer(
        hostname: snapshot.configuration.hostname, cluster: snapshot.configuration.cluster,
        slaves: snapshot.agents.map {
          AgentSummary(
            agent: $0, counts: countsOfAgents[$0.id] ?? TaskCounts(),
            frameworks: frameworksOfAgents[$0.id, default: []].sorted())
        },
        frameworks: snapshot.frameworks.map(FrameworkSummary.init)))
  }
}

/// How many tasks are in each state.
struct TaskCounts: Encodable {
  private static let shown: [MesosTaskState] = [
    .taskStaging, .taskStarting, .taskRunning, .taskKilling, .taskFinished, .taskKilled, .taskFailed, .taskLost,
    .taskError, .taskUnreachable,
  ]
  private(set) var byState: [MesosTaskState: Int] = [:]

  mutating func add(_ task: MasterTask) { byState[task.state, default: 0] += 1 }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: AnyKey.self)
    for state in Self.shown { try container.encode(byState[state] ?? 0, forKey: AnyKey(state.protocolName)) }
  }
}

private struct AgentSummary: Encodable {
  let agent: AgentSnapshot
  let counts: TaskCounts
  let frameworks: [String]

  func encode(to encoder: any Encoder) throws {
    try AgentView(agent).encode(to: encoder)
    try counts.encode(to: encoder)
    var container = encoder.container(keyedBy: AnyKey.self)
    try container.encode(frameworks, forKey: AnyKey("framework_ids"))
  }
}

private struct FrameworkSummary: Encodable {
  let framework: FrameworkSnapshot

  init(_ framework: FrameworkSnapshot) {
    self.framework = framework
  }

  func encode(to encoder: any Encoder) throws {
    var counts = TaskCounts()
    let tasks = framework.tasks + framework.unreachableTasks + framework.completedTasks
    for task in tasks { counts.add(task) }
    try counts.encode(to: encoder)
    let info = framework.info
    var container = encoder.container(keyedBy: AnyKey.self)
    try container.encode(info.id.value, forKey: AnyKey("id"))
    try container.encode(info.name, forKey: AnyKey("name"))
    try container.encode(info.hostname, forKey: AnyKey("hostname"))
    try container.encode(info.webuiURL, forKey: AnyKey("webui_url"))
    try container.encode(info.capabilities.map(\.type.protocolName), forKey: AnyKey("capabilities"))
    try container.encode(framework.isConnected, forKey: AnyKey("active"))
    try container.encode(framework.isConnected, forKey: AnyKey("connected"))
    try container.encode(framework.isRecovered, forKey: AnyKey("recovered"))
    try container.encode(AmountsView(framework.used), forKey: AnyKey("used_resources"))
    try container.encode(AmountsView(framework.offered), forKey: AnyKey("offered_resources"))
    try container.encode(Set(tasks.map(\.agentID)).sorted(), forKey: AnyKey("slave_ids"))
  }
}
