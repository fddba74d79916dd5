import DequeModule
import Wire

/// The status updates of one task on their way to the scheduler: only the oldest is in flight, and it is sent again until
/// it is acknowledged (protocol fact 68).
struct UpdateStream {
  struct Update {
    /// Counts the updates of the task; part of the checkpoint key.
    var sequence: UInt64
    var status: MesosTaskStatus
  }

  private(set) var pending: Deque<Update> = []
  /// Of the newest updates that were acknowledged, oldest first. An executor may repeat those whose ACKNOWLEDGED it
  /// missed; there can only be as many as it sent since its stream broke.
  private(set) var acknowledged: Deque<[UInt8]> = []
  static let rememberedUUIDs = 32

  private var known: Set<[UInt8]> = []
  private var nextSequence: UInt64 = 0
  private(set) var retryNs = ProtocolTime.firstRetryNs

  init() {}

  init(pending: [Update], acknowledged: [[UInt8]]) {
    self.pending = Deque(pending)
    self.acknowledged = Deque(acknowledged)
    known = Set(acknowledged).union(pending.map { [UInt8]($0.status.uuid) })
    nextSequence = (pending.last?.sequence ?? 0) + 1
  }

  var inFlight: Update? { pending.first }

  func contains(uuid: [UInt8]) -> Bool { known.contains(uuid) }

  mutating func append(_ status: MesosTaskStatus) -> Update {
    let update = Update(sequence: nextSequence, status: status)
    nextSequence += 1
    known.insert([UInt8](status.uuid))
    pending.append(update)
    return update
  }

  /// Takes the update in flight if it has this uuid; any other acknowledgement is late or wrong (protocol fact 70).
  mutating func acknowledge(uuid: [UInt8]) -> Update? {
    guard let first = pending.first, first.status.uuid.elementsEqual(uuid) else { return nil }
    pending.removeFirst()
    retryNs = ProtocolTime.firstRetryNs
    acknowledged.append(uuid)
    if acknowledged.count > Self.rememberedUUIDs { known.remove(acknowledged.removeFirst()) }
    return first
  }

  /// Back to the beginning of the back-off, as after a reconnect (protocol fact 72).
  mutating func restartBackoff() { retryNs = ProtocolTime.firstRetryNs }

  mutating func lengthenBackoff() { retryNs = min(retryNs * 2, ProtocolTime.longestRetryNs) }
}
