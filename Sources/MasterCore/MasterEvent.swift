import Wire

/// One request, or the stream that it became, for as long as its connection lives. Given by the shell, never reused.
public struct ConnectionID: Hashable, Sendable {
  public let number: UInt64

  public init(_ number: UInt64) {
    self.number = number
  }
}

/// What happens to the master.
public enum MasterEvent: Sendable {
  /// A request to the scheduler API that could be parsed, with its `Mesos-Stream-Id`.
  case schedulerCall(SchedulerCall, from: ConnectionID, streamID: String?)
  /// A request of an agent that could be parsed; a subscribing one holds SUBSCRIBE alone.
  case agentCalls(AgentCalls, from: ConnectionID)
  /// The peer of a stream is gone.
  case streamClosed(ConnectionID)
  /// A change or SUBSCRIBE that an operator asks for, whichever endpoint it came by.
  case operatorCall(MesosMasterCall, from: ConnectionID)
  /// The changes of the `persist` with this number are safe.
  case persisted(UInt64)
  /// The hosts whose agents may be offered were read anew; nil is for all.
  case whitelist(Set<String>?)
  /// `nextDeadline` is reached, or everything that came in this turn of the loop has been handled.
  case tick
}

/// What the master wants done, in order.
public enum MasterEffect: Sendable {
  /// Ends a request with an answer.
  case respond(ConnectionID, status: Int, text: String)
  /// Turns a scheduler's request into a stream with this `Mesos-Stream-Id`.
  case openScheduler(ConnectionID, streamID: String)
  case sendScheduler(ConnectionID, SchedulerEvent)
  /// Turns an agent's request into a stream.
  case openAgent(ConnectionID)
  case sendAgent(ConnectionID, AgentEvent)
  /// Turns an operator's request into a stream that begins with SUBSCRIBED, which tells what is captured here.
  case openOperator(ConnectionID, MasterCapture)
  /// The same event to each of these streams.
  case sendOperators([ConnectionID], MesosMasterEvent)
  /// Sends what is under way and ends the stream; no `streamClosed` follows.
  case close(ConnectionID)
  /// Write the changes to the registry, all or none and for good, and then handle `persisted` with the number. Writes
  /// may be joined; their order holds.
  case persist(UInt64, [RegistryChange])
  case log(LogLevel, String)
}

public enum LogLevel: Sendable {
  case debug, info, warning, error
}
