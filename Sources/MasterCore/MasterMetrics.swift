import Wire

/// Counters since the master started, under the names that Mesos gives them in /metrics/snapshot.
public struct MasterMetrics: Sendable {
  /// Why a task ended, in the words of its last status.
  public struct TaskEnd: Hashable, Sendable {
    public var state: MesosTaskState
    public var source: MesosTaskStatus.Source
    public var reason: MesosTaskStatus.Reason
  }

  public enum AgentRemoval: String, CaseIterable, Sendable {
    case unhealthy, unregistered, registered
  }

  public var tasksLaunched = 0
  /// Tasks by the terminal state, or unreachable.
  public var taskEnds: [MesosTaskState: Int] = [:]
  /// Of those whose status gives a reason.
  public var taskEndReasons: [TaskEnd: Int] = [:]
  /// Of all frameworks.
  public var calls: [SchedulerCall.TypeEnum: Int] = [:]
  public var launchCalls = 0
  public var frameworkRegistrations = 0
  public var frameworkReregistrations = 0
  public var statusUpdates = 0
  public var invalidStatusUpdates = 0
  public var acknowledgements = 0
  public var operationUpdates = 0
  public var operationAcknowledgements = 0
  public var messagesToExecutors = 0
  public var messagesToFrameworks = 0
  public var invalidMessagesToFrameworks = 0
  public var executorExits = 0
  public var agentRegistrations = 0
  public var agentReregistrations = 0
  public var agentsMarkedUnreachable = 0
  public var agentsLostWithTheMasterBefore = 0
  public var agentRemovals: [AgentRemoval: Int] = [:]
  public var offersSent = 0
  public var offersAccepted = 0
  public var offersDeclined = 0
  public var offersRescinded = 0
  public var allocationRuns = 0
  public var allocationFailures = 0
  public var starvations = 0
  public var grantsInvalid = 0
  public var grantsRefused = 0
  public var droppedMessages = 0
  /// How long the policy took, of the latest cycles.
  public var cycleTimes = LatestTimes(capacity: 1000)
  /// How operations have ended.
  public var operationEnds: [MesosOffer.Operation.TypeEnum: [MesosOperationState: Int]] = [:]

  mutating func count(_ status: MesosTaskStatus) {
    taskEnds[status.state, default: 0] += 1
    guard status.hasReason else { return }
    let end = TaskEnd(state: status.state, source: status.source, reason: status.reason)
    taskEndReasons[end, default: 0] += 1
  }

  mutating func count(_ end: MesosOperationState, of type: MesosOffer.Operation.TypeEnum) {
    operationEnds[type, default: [:]][end, default: 0] += 1
  }
}
