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
  public var cycleTimes = CycleTimes()
  /// How operations have ended.
  public var operationEnds: [MesosOffer.Operation.TypeEnum: [MesosOperationState: Int]] = [:]

  mutating func count(_ end: MesosOperationState, of type: MesosOffer.Operation.TypeEnum) {
    operationEnds[type, default: [:]][end, default: 0] += 1
  }
}

/// The latest so many durations.
public struct CycleTimes: Sendable {
  private static let capacity = 1000
  public private(set) var latestNs: [Int64] = []
  private var oldest = 0
  public private(set) var count = 0

  mutating func add(_ durationNs: Int64) {
    count += 1
    if latestNs.count < Self.capacity {
      latestNs.append(durationNs)
    } else {
      latestNs[oldest] = durationNs
      oldest = (oldest + 1) % Self.capacity
    }
  }

  /// The last one that was added.
  var lastNs: Int64? { latestNs.isEmpty ? nil : latestNs[(oldest + latestNs.count - 1) % latestNs.count] }
}
