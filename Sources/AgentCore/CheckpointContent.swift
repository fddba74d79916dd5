import SwiftProtobuf
import Wire

/// The checkpoint records sorted by what they are about.
struct CheckpointContent {
  struct Task {
    var frameworkID: String
    var record: CheckpointTask
    var progress: CheckpointProgress
    var updates: [UpdateStream.Update]
  }

  private(set) var frameworks: [MesosFrameworkInfo] = []
  private(set) var executors: [CheckpointExecutor] = []
  private(set) var tasks: [Task] = []
  /// What operations have made of the agent's resources.
  private(set) var made: [MesosResource] = []
  private(set) var operations: [AgentOperation] = []

  init(_ records: [String: [UInt8]]) throws(CheckpointError) {
    var progress: [String: CheckpointProgress] = [:]
    var updates: [String: [UpdateStream.Update]] = [:]
    var tasksByName: [String: CheckpointTask] = [:]
    for (key, bytes) in records {
      let parts = key.split(separator: "/", omittingEmptySubsequences: false)
      let name = parts.dropFirst().prefix(2).joined(separator: "/")
      switch (parts[0], parts.count) {
      case ("agent", 1), ("boot", 1): break
      case ("resources", 1): made = (try Self.decode(bytes, key) as CheckpointResources).made
      case ("operation", 2):
        guard let uuid = AgentOperation.uuid(parts[1]) else {
          throw CheckpointError(key: key, problem: "has no uuid")
        }
        let record: CheckpointOperation = try Self.decode(bytes, key)
        operations.append(
          AgentOperation(
            uuid: uuid, frameworkID: record.hasFrameworkID ? record.frameworkID.value : nil, info: record.info,
            sequence: try Self.number(record.sequence, key), status: record.status))
      case ("framework", 2): frameworks.append(try Self.decode(bytes, key))
      case ("executor", 3): executors.append(try Self.decode(bytes, key))
      case ("task", 3):
        let record: CheckpointTask = try Self.decode(bytes, key)
        _ = try Self.number(record.sequence, key)
        tasksByName[name] = record
      case ("progress", 3): progress[name] = try Self.decode(bytes, key)
      case ("update", 4):
        let sequence = try Self.number(UInt64(parts[3]), key)
        updates[name, default: []].append(UpdateStream.Update(sequence: sequence, status: try Self.decode(bytes, key)))
      default: throw CheckpointError(key: key, problem: "is of a kind that this agent does not know")
      }
    }
    for (name, record) in tasksByName {
      tasks.append(
        Task(
          frameworkID: String(name.prefix { $0 != "/" }), record: record, progress: progress[name] ?? .init(),
          updates: updates[name] ?? []))
    }
  }

  /// A number that others follow.
  private static func number(_ number: UInt64?, _ key: String) throws(CheckpointError) -> UInt64 {
    guard let number, number < .max else { throw CheckpointError(key: key, problem: "has no number that can be") }
    return number
  }

  private static func decode<Record: Message>(_ bytes: [UInt8], _ key: String) throws(CheckpointError) -> Record {
    do {
      return try Record(serializedBytes: bytes)
    } catch {
      throw CheckpointError(key: key, problem: "cannot be read (\(error))")
    }
  }
}
