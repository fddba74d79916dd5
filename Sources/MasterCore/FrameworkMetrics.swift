import Wire

/// What a framework has called, was told, and what became of its tasks, since it subscribed to this master.
public struct FrameworkMetrics: Sendable {
  public var calls: [SchedulerCall.TypeEnum: Int] = [:]
  public var events: [SchedulerEvent.TypeEnum: Int] = [:]
  public var operations: [MesosOffer.Operation.TypeEnum: Int] = [:]
  public var taskEnds: [MesosTaskState: Int] = [:]
  public var offersSent = 0
  public var offersAccepted = 0
  public var offersDeclined = 0
  public var offersRescinded = 0
}
