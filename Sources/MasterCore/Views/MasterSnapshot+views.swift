import Resources
import Wire

extension MasterSnapshot {
  /// /state (protocol fact 145). `flags` are shown as they are.
  public func writeState(flags: [String: String], to json: inout JSONWriter) {
    json.object { json in
      json.member("version", configuration.version)
      json.member("id", configuration.id)
      json.member("pid", configuration.pid)
      json.member("hostname", configuration.hostname)
      json.member("cluster", configuration.cluster)
      json.member("start_time", startedSeconds)
      json.member("elected_time", startedSeconds)
      json.member("capabilities", ["AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"])
      if let domain = configuration.domain {
        json.name("domain")
        json.value(json: WireFormat.json.encode(domain))
      }
      json.member("leader", configuration.pid)
      json.object("leader_info") { json in
        json.member("id", configuration.id)
        json.member("pid", configuration.pid)
        json.member("port", configuration.port)
        json.member("hostname", configuration.hostname)
        if let domain = configuration.domain {
          json.name("domain")
          json.value(json: WireFormat.json.encode(domain))
        }
      }
      json.member("activated_slaves", Double(agents.count { $0.isActive }))
      json.member("deactivated_slaves", Double(agents.count { !$0.isActive }))
      json.member("unreachable_slaves", Double(unreachableAgentCount))
      json.object("flags") { json in
        for (name, value) in flags.sorted(by: { $0.key < $1.key }) {
          json.name(name)
          json.value(value)
        }
      }
      json.list("slaves", agents) { $1.write(to: &$0) }
      json.list("recovered_slaves", recoveredAgents) { recovered($1).write(to: &$0) }
      json.list("frameworks", frameworks) { $1.write(to: &$0) }
      json.list("completed_frameworks", completedFrameworks) { $1.write(to: &$0) }
      json.list("orphan_tasks", []) { _, _ in }
      json.list("unregistered_frameworks", []) { _, _ in }
    }
  }

  private func recovered(_ info: MesosAgentInfo) -> ViewValue {
    ["id": .text(info.id.value), "hostname": .text(info.hostname), "port": .number(Double(info.port))]
  }

  /// /slaves, of one agent if an id is given.
  public func writeSlaves(id: String? = nil, to json: inout JSONWriter) {
    json.object { json in
      json.list("slaves", agents.lazy.filter { id == nil || $0.id == id }) { $1.writeFull(to: &$0) }
      json.list("recovered_slaves", recoveredAgents) { recovered($1).write(to: &$0) }
    }
  }

  /// /frameworks, one of them if an id is given.
  public func writeFrameworks(id: String? = nil, to json: inout JSONWriter) {
    let isShown = { (framework: FrameworkSnapshot) in id == nil || framework.info.id.value == id }
    json.object { json in
      json.list("frameworks", frameworks.lazy.filter(isShown)) { $1.write(to: &$0) }
      json.list("completed_frameworks", completedFrameworks.lazy.filter(isShown)) { $1.write(to: &$0) }
      json.list("unregistered_frameworks", []) { _, _ in }
    }
  }

  /// Which tasks /tasks shows (protocol fact 149).
  public struct TaskQuery: Sendable {
    public var limit = 100
    public var offset = 0
    public var isAscending = false
    public var frameworkID: String?
    public var taskID: String?

    public init() {}
  }

  public func writeTasks(_ query: TaskQuery, to json: inout JSONWriter) {
    let all = (frameworks + completedFrameworks).filter {
      query.frameworkID == nil || $0.info.id.value == query.frameworkID
    }
    .flatMap(\.allTasks)
    .filter { query.taskID == nil || $0.id == query.taskID }
    let timed = all.map { (time: $0.statuses.first?.timestamp ?? 0, task: $0) }
    let sorted = timed.sorted { query.isAscending ? $0.time < $1.time : $0.time > $1.time }
    // A negative limit means all.
    let limit = query.limit < 0 ? Int.max : query.limit
    json.object { json in
      json.list("tasks", sorted.dropFirst(max(0, query.offset)).prefix(limit)) { $1.task.write(to: &$0) }
    }
  }

  public var roles: ViewValue {
    let holdings = RoleHoldings(frameworks)
    return ["roles": .list(roleNames(holdings).map { role($0, holdings) })]
  }

  private func quota(_ role: String) -> ViewValue {
    let numbers = { (amounts: [String: Quantity]) in ViewValue.object(amounts.mapValues { .number($0.units) }) }
    let quota = quotas[role]?.quota
    return [
      "role": .text(role), "guarantee": numbers(quota?.guarantees ?? [:]), "limit": numbers(quota?.limits ?? [:]),
      "consumed": numbers(consumedQuotas[role] ?? [:]),
    ]
  }

  private func role(_ name: String, _ holdings: RoleHoldings) -> ViewValue {
    let used = holdings.used[name] ?? Resources()
    let offered = holdings.offered[name] ?? Resources()
    let reserved = agents.reduce(Resources()) { $0 + $1.total.reserved(for: name) }
    return [
      "name": .text(name), "weight": .number(weights[name] ?? 1), "allocated": quantities(used),
      "offered": quantities(offered),
      "resources": quantities(used + offered), "reserved": quantities(reserved),
      "quota": quota(name),
      "frameworks": .list((holdings.members[name] ?? []).map { .text($0) }),
    ]
  }

  private func quantities(_ resources: Resources) -> ViewValue {
    .object(Dictionary(resources.scalarTotals.map { ($0.name, .number($0.total.units)) }) { $1 })
  }

  /// /state-summary: counts in place of tasks.
  public func writeSummary(to json: inout JSONWriter) {
    var countsOfAgents: [String: TaskCounts] = [:]
    var countsOfFrameworks: [String: TaskCounts] = [:]
    for framework in frameworks {
      let id = framework.info.id.value
      for task in framework.allTasks {
        countsOfAgents[task.agentID, default: TaskCounts()].count(task.state, with: id)
        countsOfFrameworks[id, default: TaskCounts()].count(task.state, with: task.agentID)
      }
    }
    json.object { json in
      json.member("hostname", configuration.hostname)
      json.member("cluster", configuration.cluster)
      json.list("slaves", agents) { json, agent in
        json.object { json in
          agent.writeMembers(to: &json)
          (countsOfAgents[agent.id] ?? TaskCounts()).write(partners: "framework_ids", to: &json)
        }
      }
      json.list("frameworks", frameworks) { json, framework in
        json.object { json in
          framework.writeSummary(used: framework.used, to: &json)
          (countsOfFrameworks[framework.info.id.value] ?? TaskCounts()).write(partners: "slave_ids", to: &json)
        }
      }
    }
  }
}

/// Tasks by their state, and the agents that they are on, or the frameworks that they are of.
private struct TaskCounts {
  private static let states: [MesosTaskState] = [
    .taskStaging, .taskStarting, .taskRunning, .taskKilling, .taskFinished, .taskKilled, .taskFailed, .taskLost,
    .taskError, .taskUnreachable,
  ]

  private var counts: [MesosTaskState: Int] = [:]
  private var partners: Set<String> = []

  mutating func count(_ state: MesosTaskState, with partner: String) {
    counts[state, default: 0] += 1
    partners.insert(partner)
  }

  func write(partners name: StaticString, to json: inout JSONWriter) {
    for state in Self.states {
      json.name(state.protocolName)
      json.value(counts[state] ?? 0)
    }
    json.member(name, partners.sorted())
  }
}

extension FrameworkSnapshot {
  fileprivate var allTasks: [MasterTask] { tasks + Array(unreachableTasks) + Array(completedTasks) }
}
