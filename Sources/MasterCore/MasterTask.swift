import Resources
import Wire

/// A task as the master knows it. What never changes is held apart, so that copies are cheap.
public struct MasterTask: Sendable {
  private let identity: Identity
  /// The newest state that the agent told; resources are held until it is terminal (protocol fact 65).
  public internal(set) var state: MesosTaskState
  /// The state last forwarded to the framework, with the uuid to acknowledge (protocol fact 83).
  public internal(set) var forwardedState: MesosTaskState
  var forwardedUUID: [UInt8]?
  /// One status for each state, the last one of each, without data (protocol fact 74).
  public internal(set) var statuses: [RecordedStatus] = []

  private final class Identity: Sendable {
    let id: String
    let name: String
    let frameworkID: String
    let agentID: String
    let executorID: String?
    let resources: Resources
    let extras: Extras?

    init(
      id: String, name: String, framework: String, agent: String, executor: String?, resources: Resources,
      extras: Extras?
    ) {
      self.id = id
      self.name = name
      frameworkID = framework
      agentID = agent
      executorID = executor
      self.resources = resources
      self.extras = extras
    }
  }

  public var id: String { identity.id }
  public var name: String { identity.name }
  public var frameworkID: String { identity.frameworkID }
  public var agentID: String { identity.agentID }
  /// nil for a command task (protocol fact 64).
  public var executorID: String? { identity.executorID }
  /// Allocated to the role of its offer.
  public var resources: Resources { identity.resources }
  /// What is rarely there.
  public var extras: Extras? { identity.extras }

  /// Parts of a TaskInfo that only the endpoints show.
  public final class Extras: Sendable {
    public let labels: MesosLabels?
    public let discovery: MesosDiscoveryInfo?
    public let container: MesosContainerInfo?
    public let healthCheck: MesosHealthCheck?
    public let killPolicy: MesosKillPolicy?
    public let limits: [String: Double]
    public let user: String?

    init?(_ task: MesosTaskInfo, user: String?) {
      labels = task.hasLabels ? task.labels : nil
      discovery = task.hasDiscovery ? task.discovery : nil
      container = task.hasContainer ? task.container : nil
      healthCheck = task.hasHealthCheck ? task.healthCheck : nil
      killPolicy = task.hasKillPolicy ? task.killPolicy : nil
      limits = task.limits.mapValues(\.value)
      self.user = user
      if isEmpty { return nil }
    }

    init?(_ task: MesosTask) {
      labels = task.hasLabels ? task.labels : nil
      discovery = task.hasDiscovery ? task.discovery : nil
      container = task.hasContainer ? task.container : nil
      healthCheck = task.hasHealthCheck ? task.healthCheck : nil
      killPolicy = task.hasKillPolicy ? task.killPolicy : nil
      limits = task.limits.mapValues(\.value)
      user = task.hasUser ? task.user : nil
      if isEmpty { return nil }
    }

    private var isEmpty: Bool {
      labels == nil && discovery == nil && container == nil && healthCheck == nil && killPolicy == nil
        && limits.isEmpty && user == nil
    }
  }

  /// A task that a framework launches.
  init(_ plan: LaunchPlan, framework: String, agent: String) {
    let info = plan.task
    let command = info.hasCommand ? info.command : plan.executor?.command ?? .init()
    identity = Identity(
      id: info.taskID.value, name: info.name, framework: framework, agent: agent,
      executor: plan.executor?.executorID.value, resources: plan.resources,
      extras: Extras(info, user: command.hasUser ? command.user : nil))
    state = .taskStaging
    forwardedState = .taskStaging
  }

  /// A task that an agent brings along.
  init(_ task: MesosTask, framework: String, agent: String, resources: Resources) {
    identity = Identity(
      id: task.taskID.value, name: task.name, framework: framework, agent: agent,
      executor: task.hasExecutorID ? task.executorID.value : nil, resources: resources, extras: Extras(task))
    state = task.state
    forwardedState = task.hasStatusUpdateState ? task.statusUpdateState : task.state
    forwardedUUID = task.hasStatusUpdateUuid ? [UInt8](task.statusUpdateUuid) : nil
    statuses = task.statuses.map { RecordedStatus($0) }
  }

  /// Takes over a status; `latest` is the newest state that the agent knows of.
  ///
  /// - Returns: whether it tells more than the one before: a new state, or what a check found.
  mutating func record(_ status: MesosTaskStatus, latest: MesosTaskState) -> Bool {
    if !state.isTerminal { state = latest }
    forwardedState = status.state
    forwardedUUID = status.hasUuid ? [UInt8](status.uuid) : nil
    var kept = status
    if kept.hasData { kept.clearData() }
    if let last = statuses.last, last.state == status.state {
      statuses[statuses.count - 1] = RecordedStatus(kept)
      return [.taskCheckStatusUpdated, .taskHealthCheckStatusUpdated].contains(status.reason)
    }
    statuses.append(RecordedStatus(kept))
    return true
  }
}
