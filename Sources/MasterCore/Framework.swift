import HashTreeCollections
import Resources
import Wire

/// A framework and all that it has.
final class Framework {
  enum Connection {
    /// Its stream, with the `Mesos-Stream-Id` that its calls must carry.
    case connected(ConnectionID, streamID: String)
    case disconnected
    /// Known only from an agent that runs its tasks: a master before this one had it (protocol fact 34).
    case recovered
  }

  let id: String
  /// With the id set.
  var info: MesosFrameworkInfo
  /// In the ledger.
  let slot: UInt32
  var connection: Connection
  /// Counts subscriptions, so that timers of an earlier one can be told.
  var generation: UInt64 = 0

  var roles: [String]
  var offerConstraints = SchedulerOfferConstraints()
  private(set) var capabilities: Set<MesosFrameworkInfo.Capability.TypeEnum>

  /// In trees, which snapshots share for nothing and a later change copies a few nodes of.
  var tasks: TreeDictionary<String, MasterTask> = [:]
  var unreachableTasks: TreeDictionary<String, MasterTask> = [:]
  /// Ids of unreachable tasks, oldest first, to bound them.
  var unreachableOrder: BoundedHistory<String>
  var completedTasks: BoundedHistory<MasterTask>
  var offers: Set<UInt64> = []
  /// Of the agents on which it has tasks or executors.
  var agents: Set<String> = []

  var metrics = FrameworkMetrics()
  let registeredTime: Double
  var reregisteredTime: Double?
  var unregisteredTime: Double?

  init(
    id: String, info: MesosFrameworkInfo, slot: UInt32, connection: Connection, now: Instant,
    limits: MasterConfiguration
  ) {
    self.id = id
    self.info = info
    self.info.id.value = id
    self.slot = slot
    self.connection = connection
    roles = info.rolesInUse
    capabilities = info.capabilityTypes
    registeredTime = now.epochSeconds
    completedTasks = BoundedHistory(limit: limits.completedTaskLimit)
    unreachableOrder = BoundedHistory(limit: limits.unreachableTaskLimit)
  }

  var stream: ConnectionID? {
    if case .connected(let stream, _) = connection { stream } else { nil }
  }

  func has(_ capability: MesosFrameworkInfo.Capability.TypeEnum) -> Bool { capabilities.contains(capability) }

  /// The state for a task that is gone for a reason that only partition-aware frameworks are told (protocol fact 84).
  func state(ifAware state: MesosTaskState) -> MesosTaskState {
    has(.partitionAware) ? state : .taskLost
  }

  var reservationFormat: ReservationFormat { has(.reservationRefinement) ? .stack : .single }

  /// Takes over new information; user and checkpoint can't change (protocol fact 36).
  func update(_ newInfo: MesosFrameworkInfo) {
    let old = info
    info = newInfo
    info.id.value = id
    info.user = old.user
    info.checkpoint = old.checkpoint
    roles = info.rolesInUse
    capabilities = info.capabilityTypes
  }

  var failoverTimeoutNs: Int64 { max(0, Nanoseconds.of(seconds: info.failoverTimeout) ?? 0) }
}

extension MesosFrameworkInfo {
  var capabilityTypes: Set<Capability.TypeEnum> { Set(capabilities.map(\.type)) }

  var rolesInUse: [String] {
    capabilityTypes.contains(.multiRole) ? roles : [hasRole ? role : Role.star]
  }
}
