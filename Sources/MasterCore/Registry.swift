import SwiftProtobuf
import Wire

/// One change of what outlives the master.
public enum RegistryChange: Equatable, Sendable {
  case put(key: String, value: [UInt8])
  case delete(key: String)
}

/// What an earlier master left behind.
public struct RegistryState: Sendable {
  var weights: [String: Double] = [:]
  var quotas: [String: MesosQuotaConfig] = [:]
  var agents: [String: RegistryAgent] = [:]
  var maintenance = Maintenance()

  public init() {}

  /// Reads the records. A key that this master does not know is left alone: a newer one may have written it.
  public init(records: [String: [UInt8]]) throws(RegistryError) {
    var schedule = MesosMaintenanceSchedule()
    var status = MesosMaintenanceClusterStatus()
    for (key, value) in records.sorted(by: { $0.key < $1.key }) {
      guard let slash = key.firstIndex(of: "/") else { continue }
      let name = String(key[key.index(after: slash)...])
      switch RegistryKey.Kind(rawValue: String(key[..<slash])) {
      case .weight: weights[name] = try Self.read(MesosWeightInfo.self, value, key).weight
      case .quota: quotas[name] = try Self.read(MesosQuotaConfig.self, value, key)
      case .agent: agents[name] = try Self.read(RegistryAgent.self, value, key)
      case .maintenance where name == Maintenance.Record.schedule:
        schedule = try Self.read(MesosMaintenanceSchedule.self, value, key)
      case .maintenance where name == Maintenance.Record.status:
        status = try Self.read(MesosMaintenanceClusterStatus.self, value, key)
      case .maintenance, nil: continue
      }
    }
    maintenance = Maintenance(schedule: schedule, down: status.downMachines)
  }

  private static func read<Record: Message>(
    _ type: Record.Type, _ value: [UInt8], _ key: String
  ) throws(RegistryError) -> Record {
    do { return try Record(serializedBytes: value) } catch { throw RegistryError(key: key) }
  }
}

/// A record that this master cannot read.
public struct RegistryError: Error, Equatable, CustomStringConvertible {
  public let key: String

  public var description: String {
    "registry record '\(key)' is damaged; restore the registry from a backup, or start with an empty --work_dir"
  }
}

enum RegistryKey {
  enum Kind: String {
    case weight, quota, agent, maintenance
  }

  static func of(_ kind: Kind, _ name: String) -> String { "\(kind.rawValue)/\(name)" }
}

extension RegistryChange {
  static func put(_ kind: RegistryKey.Kind, _ name: String, _ record: some Message) -> RegistryChange {
    // Records are complete by construction.
    .put(key: RegistryKey.of(kind, name), value: (try? record.serializedBytes(partial: true)) ?? [])
  }

  static func delete(_ kind: RegistryKey.Kind, _ name: String) -> RegistryChange {
    .delete(key: RegistryKey.of(kind, name))
  }
}

extension MasterCore {
  /// Writes `changes`, all or none, and goes on with `then` when they are safe: nobody is told of what a crash could
  /// undo. Other events are handled in between, so `then` must look at the state anew.
  func persist(_ changes: [RegistryChange], then: @escaping (MasterCore) -> Void) {
    nextWrite += 1
    waitingForWrite[nextWrite] = then
    effects.append(.persist(nextWrite, changes))
  }

  func persisted(_ number: UInt64) {
    guard let then = waitingForWrite.removeValue(forKey: number) else { return }
    then(self)
  }
}
