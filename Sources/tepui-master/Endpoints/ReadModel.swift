import FoundationEssentials
import MasterCore
import Resources
import Wire

/// The read-only endpoints of the master. Works on a snapshot, so it runs anywhere but on the loop.
struct ReadModel: Sendable {
  let snapshot: MasterSnapshot
  /// As the command line and the environment gave them.
  let flags: [String: String]
  /// The Mesos release whose API we speak.
  let version: String
  let nowSeconds: Double

  func slaves(_ query: [String: String]) -> [UInt8] {
    struct Answer: Encodable {
      let slaves: [AgentView]
      let recovered_slaves: [String]
    }
    let agents = snapshot.agents.filter { query["slave_id"] == nil || query["slave_id"] == $0.id }
    return encode(Answer(slaves: agents.map { AgentView($0, isFull: true) }, recovered_slaves: []))
  }

  func frameworks(_ query: [String: String]) -> [UInt8] {
    struct Answer: Encodable {
      let frameworks: [FrameworkView]
      let completed_frameworks: [FrameworkView]
      let unregistered_frameworks: [String]
    }
    func wanted(_ frameworks: [FrameworkSnapshot]) -> [FrameworkView] {
      frameworks.filter { query["framework_id"] == nil || query["framework_id"] == $0.info.id.value }
        .map(FrameworkView.init)
    }
    return encode(
      Answer(
        frameworks: wanted(snapshot.frameworks), completed_frameworks: wanted(snapshot.completedFrameworks),
        unregistered_frameworks: []))
  }

  /// Protocol fact 149. `limit` is an unsigned number there, which makes all of -1.
  func tasks(_ query: [String: String]) -> [UInt8] {
    struct Answer: Encodable { let tasks: [TaskView] }
    let limit = query["limit"].flatMap { Int($0) } ?? 100
    let offset = max(0, query["offset"].flatMap { Int($0) } ?? 0)
    var tasks = (snapshot.frameworks + snapshot.completedFrameworks).flatMap { framework in
      framework.tasks + framework.unreachableTasks + framework.completedTasks
    }
    if let id = query["framework_id"] { tasks.removeAll { $0.frameworkID != id } }
    if let id = query["task_id"] { tasks.removeAll { $0.id != id } }
    func begin(_ task: MasterTask) -> Double { task.statuses.first?.timestamp ?? nowSeconds }
    let isAscending = query["order"] == "asc"
    tasks.sort { isAscending ? begin($0) < begin($1) : begin($0) > begin($1) }
    let page = tasks.dropFirst(offset).prefix(limit < 0 ? .max : limit)
    return encode(Answer(tasks: page.map(TaskView.init)))
  }

  /// Protocol fact 145.
  func state() -> [UInt8] {
    let configuration = snapshot.configuration
    let leader = StateAnswer.Leader(
      id: configuration.id, pid: configuration.pid, port: configuration.port, hostname: configuration.hostname)
    return encode(
      StateAnswer(
        version: version, start_time: snapshot.startedSeconds, elected_time: snapshot.startedSeconds,
        id: configuration.id, pid: configuration.pid, hostname: configuration.hostname,
        capabilities: ["AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"],
        activated_slaves: Double(snapshot.agents.count(where: \.isActive)),
        deactivated_slaves: Double(snapshot.agents.count { !$0.isActive }),
        unreachable_slaves: Double(snapshot.unreachableAgentCount), leader: configuration.pid, leader_info: leader,
        cluster: configuration.cluster, flags: flags, slaves: snapshot.agents.map { AgentView($0) },
        frameworks: snapshot.frameworks.map(FrameworkView.init),
        completed_frameworks: snapshot.completedFrameworks.map(FrameworkView.init)))
  }

  func flagsAnswer() -> [UInt8] {
    encode(["flags": flags])
  }

  func encode(_ answer: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return (try? encoder.encode(answer)).map { [UInt8]($0) } ?? []
  }
}

private struct StateAnswer: Encodable {
  struct Leader: Encodable {
    let id: String
    let pid: String
    let port: Int
    let hostname: String
  }
  let version: String
  let start_time: Double
  let elected_time: Double
  let id: String
  let pid: String
  let hostname: String
  let capabilities: [String]
  let activated_slaves: Double
  let deactivated_slaves: Double
  let unreachable_slaves: Double
  let leader: String
  let leader_info: Leader
  let cluster: String?
  let flags: [String: String]
  let slaves: [AgentView]
  var recovered_slaves: [String] = []
  let frameworks: [FrameworkView]
  let completed_frameworks: [FrameworkView]
  var orphan_tasks: [String] = []
  var unregistered_frameworks: [String] = []
}
