import Resources
import Wire

/// 16 bytes that the master gives to each operation.
public struct OperationUUID: Hashable, Sendable {
  public let bytes: [UInt8]

  init(_ bytes: some Sequence<UInt8>) {
    self.bytes = Array(bytes)
  }

  init(using generator: inout any RandomNumberGenerator) {
    let halves = [generator.next() as UInt64, generator.next()]
    bytes = halves.flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> (8 * $0)) } }
  }
}

/// An operation that was applied, until its end is acknowledged.
public struct MasterOperation: Sendable {
  public let uuid: OperationUUID
  public let agentID: String
  /// nil for one of an operator.
  public let frameworkID: String?
  /// Its resources are not allocated.
  public let info: MesosOffer.Operation
  /// Order of arrival, for views.
  let number: UInt64
  public internal(set) var status: MesosOperationStatus

  /// The id that the framework gave it; nil when nobody waits to be told of it.
  var feedbackID: String? { info.hasID && frameworkID != nil ? info.id.value : nil }
}

/// The books of operations: by uuid, by agent and by the ids that frameworks know.
struct OperationBooks {
  private(set) var all: [OperationUUID: MasterOperation] = [:]
  private var byAgent: [String: Set<OperationUUID>] = [:]
  private var byFramework: [String: [String: OperationUUID]] = [:]
  private var nextNumber: UInt64 = 0

  subscript(uuid: OperationUUID) -> MasterOperation? { all[uuid] }

  func operation(_ id: String, of framework: String) -> MasterOperation? {
    byFramework[framework]?[id].flatMap { all[$0] }
  }

  /// In the order of their arrival.
  func operations(on agent: String) -> [MasterOperation] { ordered(byAgent[agent] ?? []) }

  /// Those that a framework is to be told of, in the order of their arrival.
  func operations(of framework: String) -> [MasterOperation] { ordered(byFramework[framework]?.values ?? [:].values) }

  private func ordered(_ uuids: some Sequence<OperationUUID>) -> [MasterOperation] {
    uuids.compactMap { all[$0] }.sorted { $0.number < $1.number }
  }

  mutating func add(
    _ uuid: OperationUUID, agent: String, framework: String?, info: MesosOffer.Operation,
    status: MesosOperationStatus
  ) {
    let operation = MasterOperation(
      uuid: uuid, agentID: agent, frameworkID: framework, info: info, number: nextNumber, status: status)
    nextNumber += 1
    all[uuid] = operation
    byAgent[agent, default: []].insert(uuid)
    if let framework, let id = operation.feedbackID { byFramework[framework, default: [:]][id] = uuid }
  }

  mutating func set(_ status: MesosOperationStatus, of uuid: OperationUUID) {
    all[uuid]?.status = status
  }

  mutating func remove(_ uuid: OperationUUID) {
    guard let operation = all.removeValue(forKey: uuid) else { return }
    byAgent[operation.agentID]?.remove(uuid)
    if byAgent[operation.agentID]?.isEmpty ?? false { byAgent[operation.agentID] = nil }
    guard let framework = operation.frameworkID, let id = operation.feedbackID,
      byFramework[framework]?[id] == uuid
    else { return }
    byFramework[framework]?[id] = nil
    if byFramework[framework]?.isEmpty ?? false { byFramework[framework] = nil }
  }
}
