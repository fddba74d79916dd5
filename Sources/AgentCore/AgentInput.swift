import Wire

/// Everything that can happen to an agent.
public enum AgentInput: Sendable {
  /// The first input, once: recovers what the checkpoint records hold.
  case start
  /// The shell is about to open the stream to a master; answered with the effect `subscribe`.
  case connectingToMaster
  case masterDisconnected
  case master(AgentEvent)

  /// A parsed and complete executor call. Answered with `respond`, or for SUBSCRIBE with `openStream`.
  case executorCall(ExecutorCall, exchange: ExchangeID)
  /// The stream of an executor is closed, whoever closed it.
  case executorDisconnected(ExchangeID)

  /// Answers to the effect `launch`.
  case containerLaunched(String, pid: Int32)
  case containerLaunchFailed(String, message: String)
  /// Answer to the effect `recover`; nil if no process of the container was found. `containerExited` follows in both cases.
  case containerRecovered(String, pid: Int32?)
  case containerExited(String, ContainerOutcome)

  /// Answer to `startCheck`: nothing of it is left.
  case checkEnded(run: String, CheckOutcome)

  /// Answer to `changeVolumes`; with a problem nothing has come of it.
  case volumesChanged(operation: String, problem: String?)
  /// Answer to `addVolumes`.
  case volumesAdded(containerID: String, batch: UInt64, problem: String?)

  /// The operator wants the agent gone for good: its tasks end and the master forgets it.
  case unregister(reason: String)
  /// Time passed: a deadline is due.
  case tick
}

/// One HTTP exchange with an executor, named by the shell. That of a SUBSCRIBE becomes the executor's stream.
public typealias ExchangeID = UInt64

/// How a container ended.
public struct ContainerOutcome: Equatable, Sendable {
  /// As waitpid gives it; nil if nobody saw it.
  public var waitStatus: Int32?
  /// Set when the container was destroyed for being over a limit.
  public var limitation: Limitation?
  /// Limits that it met and that ended nothing; told with the end of its tasks.
  public var notes: [String]

  public init(waitStatus: Int32?, limitation: Limitation? = nil, notes: [String] = []) {
    self.waitStatus = waitStatus
    self.limitation = limitation
    self.notes = notes
  }

  /// A message with what is noted of the container.
  func annotated(_ message: String) -> String {
    notes.isEmpty ? message : "\(message) (\(notes.joined(separator: "; ")))"
  }

  public struct Limitation: Equatable, Sendable {
    public enum Kind: Sendable {
      case memory, disk, other
    }
    public var kind: Kind
    public var resource: Amount?
    public var message: String

    public init(kind: Kind, resource: Amount?, message: String) {
      self.kind = kind
      self.resource = resource
      self.message = message
    }
  }
}
