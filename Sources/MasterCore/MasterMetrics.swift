import Wire

/// Counters since the master started, under the names that Mesos gives them in /metrics/snapshot.
public struct MasterMetrics: Sendable {
  public var tasksLaunched = 0
  public var tasksFinished = 0
  public var tasksFailed = 0
  public var tasksKilled = 0
  public var tasksLost = 0
  public var tasksError = 0
  public var statusUpdates = 0
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

  mutating func count(_ end: MesosOperationState, of type: MesosOffer.Operation.TypeEnum) {
    operationEnds[type, default: [:]][end, default: 0] += 1
  }
}
