import Wire

/// What the shell has to do for the agent.
///
/// The order holds, with one rule on top: before any other effect of a turn is carried out, all `persist`, `forget` and
/// `forgetEverything` of that turn are committed together. So nobody is told of something that a crash could make untrue.
public enum AgentEffect: Sendable {
  /// Open the stream to the master with this call.
  case subscribe(AgentCall)
  /// Calls for the master, to be posted in order; they may be batched.
  case sendToMaster(AgentCall)
  /// The master fell silent: drop the stream and connect again.
  case dropMaster(reason: String)

  /// Answer an executor's call. An empty text is an empty body.
  case respond(ExchangeID, status: Int, text: String)
  /// Answer a SUBSCRIBE with 200 and keep the response open for events.
  case openStream(ExchangeID)
  case sendToExecutor(ExchangeID, ExecutorEvent)
  case closeStream(ExchangeID)

  /// Fetch what the launch names, then launch.
  case launch(ContainerLaunch)
  /// The container is no longer wanted: what is still being fetched for it need not come. The launch is answered as ever.
  case cancelLaunch(containerID: String)
  /// Take over a container of an earlier life.
  case recover(ContainerLaunch)
  case signal(containerID: String, signal: Int32)
  case destroy(containerID: String)
  case update(containerID: String, requests: [Amount], limits: [Amount])
  /// Destroy every container but these: what an earlier life left behind.
  case destroyOrphans(keeping: Set<String>)

  /// Carry out a check; answered with `checkEnded`.
  case startCheck(CheckRun)
  /// End it. Answered all the same, once nothing of it is left.
  case endCheck(run: String)

  /// Make the directories of new volumes, and put those of volumes that ended into their trash. Both may have been done
  /// already, by an earlier agent. In order; later launches must find it done.
  case changeVolumes(operation: String, make: [VolumeDirectory], remove: [VolumeDirectory])
  /// Delete what is in these trashes, but not what is of these operations: as long as it is there it shows that the
  /// volume was put away, and that what lies in its place is a newer one.
  case deleteRemoved(trashes: [String], keeping: Set<String>)
  /// Let a container that runs have volumes in its sandbox.
  case addVolumes(AddedVolumes)

  case persist(key: String, value: [UInt8])
  case forget(key: String)
  /// Forget all records.
  case forgetEverything

  case log(LogLevel, String)
  /// The agent is done; the process should end.
  case stop(reason: String)
}

public enum LogLevel: Sendable {
  case debug, info, warning, error
}

/// Volumes for tasks that are given to an executor that runs.
public struct AddedVolumes: Sendable {
  public var containerID: String
  /// Names the tasks in the answer.
  public var batch: UInt64
  /// Absolute path of the sandbox.
  public var sandbox: String
  /// To whom the sandbox belongs; nil is the agent's own.
  public var user: String?
  public var volumes: [VolumeLink]
  /// The container has a root file system of its own, where links to the agent's lead nowhere.
  public var isRooted: Bool
}
