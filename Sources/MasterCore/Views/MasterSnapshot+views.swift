import Resources
import Wire

extension MasterSnapshot {
  /// /state (protocol fact 145). `flags` are shown as they are.
  public func state(flags: [String: String]) -> ViewValue {
    [
      "version": .text(configuration.version), "id": .text(configuration.id), "pid": .text(configuration.pid),
      "hostname": .text(configuration.hostname), "cluster": .of(configuration.cluster),
      "start_time": .number(startedSeconds), "elected_time": .number(startedSeconds),
      "capabilities": ["AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"], "leader": .text(configuration.pid),
      "leader_info": [
        "id": .text(configuration.id), "pid": .text(configuration.pid), "port": .integer(configuration.port),
        "hostname": .text(configuration.hostname),
      ],
      "activated_slaves": .number(Double(agents.count { $0.isActive })),
      "deactivated_slaves": .number(Double(agents.count { !$0.isActive })),
      "unreachable_slaves": .number(Double(unreachableAgentCount)),
      "flags": .object(flags.mapValues { .text($0) }), "slaves": .list(agents.map(\.view)),
      "recovered_slaves": .list(recoveredAgents.map(recovered)),
      "frameworks": .list(frameworks.map(\.view)), "completed_frameworks": .list(completedFrameworks.map(\.view)),
      "orphan_tasks": [], "unregistered_frameworks": [],
    ]
  }

  private func recovered(_ info: MesosAgentInfo) -> ViewValue {
    ["id": .text(info.id.value), "hostname": .text(info.hostname), "port": .number(Double(info.port))]
  }

  /// /slaves, of one agent if an id is given.
  public func slaves(id: String? = nil) -> ViewValue {
    let shown = agents.filter { id == nil || $0.id == id }
    return ["slaves": .list(shown.map(\.fullView)), "recovered_slaves": .list(recoveredAgents.map(recovered))]
  }

  /// /frameworks, one of them if an id is given.
  public func frameworks(id: String? = nil) -> ViewValue {
    let isShown = { (framework: FrameworkSnapshot) in id == nil || framework.info.id.value == id }
    return [
      "frameworks": .list(frameworks.filter(isShown).map(\.view)),
      "completed_frameworks": .list(completedFrameworks.filter(isShown).map(\.view)), "unregistered_frameworks": [],
    ]
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

  public func tasks(_ query: TaskQuery) -> ViewValue {
    let all = (frameworks + completedFrameworks).filter {
      query.frameworkID == nil || $0.info.id.value == query.frameworkID
    }
    .flatMap { $0.tasks + $0.unreachableTasks + $0.completedTasks }
    .filter { query.taskID == nil || $0.id == query.taskID }
    let timed = all.map { (time: $0.statuses.first?.timestamp ?? 0, task: $0) }
    let sorted = timed.sorted { query.isAscending ? $0.time < $1.time : $0.time > $1.time }
    // A negative limit means all.
    let limit = query.limit < 0 ? Int.max : query.limit
    return ["tasks": .list(sorted.dropFirst(max(0, query.offset)).prefix(limit).map(\.task.view))]
  }

  public var roles: ViewValue {
    let names = Set(frameworks.flatMap { $0.roles + $0.allocatedRoles }).union(quotas.keys).union(weights.keys)
    return ["roles": .list(names.sorted().map(role))]
  }

  private func quota(_ role: String) -> ViewValue {
    let numbers = { (amounts: [String: Quantity]) in ViewValue.object(amounts.mapValues { .number($0.units) }) }
    let quota = quotas[role]?.quota
    return [
      "role": .text(role), "guarantee": numbers(quota?.guarantees ?? [:]), "limit": numbers(quota?.limits ?? [:]),
      "consumed": numbers(consumedQuotas[role] ?? [:]),
    ]
  }

  private func role(_ name: String) -> ViewValue {
    let inRole = { (resources: Resources) in resources.filter { $0.allocationRole == name } }
    let used = frameworks.reduce(Resources()) { $0 + inRole($1.used) }
    let offered = frameworks.reduce(Resources()) { $0 + inRole($1.offered) }
    let reserved = agents.reduce(Resources()) { $0 + $1.total.reserved(for: name) }
    return [
      "name": .text(name), "weight": .number(weights[name] ?? 1), "allocated": quantities(used),
      "offered": quantities(offered),
      "resources": quantities(used + offered), "reserved": quantities(reserved),
      "quota": quota(name),
      "frameworks": .list(
        frameworks.filter { $0.roles.contains(name) || $0.allocatedRoles.contains(name) }.map {
          .text($0.info.id.value)
        }
      ),
    ]
  }

  private func quantities(_ resources: Resources) -> ViewValue {
    .object(Dictionary(resources.scalarTotals.map { ($0.name, .number($0.total.units)) }) { $1 })
  }

  /// /state-summary: counts in place of tasks.
  public var summary: ViewValue {
    let all = frameworks.flatMap { $0.tasks + $0.unreachableTasks + $0.completedTasks }
    let tasksByAgent = Dictionary(grouping: all, by: \.agentID)
    return [
      "hostname": .text(configuration.hostname), "cluster": .of(configuration.cluster),
      "slaves": .list(
        agents.map { agent in
          let tasks = tasksByAgent[agent.id] ?? []
          return agent.view.adding(counts(tasks)).adding([
            "framework_ids": .list(Set(tasks.map(\.frameworkID)).sorted().map { .text($0) })
          ])
        }),
      "frameworks": .list(
        frameworks.map { framework in
          let tasks = framework.tasks + framework.unreachableTasks + framework.completedTasks
          return framework.summary.adding(counts(tasks)).adding([
            "slave_ids": .list(Set(tasks.map(\.agentID)).sorted().map { .text($0) })
          ])
        }),
    ]
  }

  private func counts(_ tasks: [MasterTask]) -> ViewValue {
    let states: [MesosTaskState] = [
      .taskStaging, .taskStarting, .taskRunning, .taskKilling, .taskFinished, .taskKilled, .taskFailed, .taskLost,
      .taskError, .taskUnreachable,
    ]
    var counts: [MesosTaskState: Int] = [:]
    for task in tasks { counts[task.state, default: 0] += 1 }
    return .object(Dictionary(states.map { ($0.protocolName, .integer(counts[$0] ?? 0)) }) { $1 })
  }
}

extension FrameworkSnapshot {
  fileprivate var allocatedRoles: [String] { (used + offered).allocationRoles.compactMap { $0 } }
}
