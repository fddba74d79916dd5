import Resources
import Wire

/// An operation that the agent was told to apply, until its status is acknowledged.
struct AgentOperation {
  let uuid: [UInt8]
  let frameworkID: String?
  let info: MesosOffer.Operation
  /// Order of arrival.
  let sequence: UInt64
  /// PENDING while its volumes are made or removed.
  var status: MesosOperationStatus
  var retryNs = ProtocolTime.firstRetryNs

  /// Its uuid in hexadecimal: the name of its record.
  var key: String { Self.key(uuid) }

  static func key(_ uuid: some Sequence<UInt8>) -> String {
    uuid.map { byte in String(byte >> 4, radix: 16) + String(byte & 0xf, radix: 16) }.joined()
  }

  /// The bytes that a key stands for; nil if it is none.
  static func uuid(_ key: some StringProtocol) -> [UInt8]? {
    let digits = key.utf8.map { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count == 32 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: 32, by: 2) {
      guard let high = digits[index], let low = digits[index + 1] else { return nil }
      bytes.append(UInt8(high << 4 | low))
    }
    return bytes
  }

  /// What it does; nil if it makes no sense, which no operation of a master does.
  var operation: ResourceOperation? { (try? ResourceOperation(wire: info)).flatMap { $0 } }

  var isPending: Bool { !status.state.isTerminal }
}

/// Where a persistent volume lies on the agent.
public struct VolumeDirectory: Hashable, Sendable {
  /// Absolute.
  public var path: String
  /// The whole disk is the volume: only what is in the directory comes and goes with it.
  public var isWholeDisk: Bool
  /// On the same file system as the volume: a directory for what is being removed, by the key of its operation.
  public var trash: String

  public init(path: String, isWholeDisk: Bool, trash: String) {
    self.path = path
    self.isWholeDisk = isWholeDisk
    self.trash = trash
  }
}

/// A persistent volume as a container sees it.
public struct VolumeLink: Hashable, Sendable {
  /// The volume on the agent; absolute.
  public var source: String
  /// Below the sandbox.
  public var containerPath: String
  /// Other containers may use it now.
  public var isShared: Bool

  public init(source: String, containerPath: String, isShared: Bool) {
    self.source = source
    self.containerPath = containerPath
    self.isShared = isShared
  }
}

extension VolumeDirectory {
  /// Protocol fact 113. Nil for what is no volume, or on no disk that this agent can find.
  init?(of volume: Resource, workDirectory: String) {
    guard let disk = volume.disk, let id = disk.persistence?.id, let role = volume.reservationRole,
      Identifier.problem(id) == nil, (try? Role.validate(role)) != nil
    else { return nil }
    func absolute(_ root: String) -> String { root.hasPrefix("/") ? root : "\(workDirectory)/\(root)" }
    let volumes: String
    switch (disk.source?.kind, disk.source?.root) {
    case (nil, _): volumes = "\(workDirectory)/volumes"
    case (.path?, let root?): volumes = "\(absolute(root))/volumes"
    case (.mount?, let root?):
      self.init(path: absolute(root), isWholeDisk: true, trash: "\(absolute(root))/.removed")
      return
    default: return nil
    }
    // A role is one directory, whatever its depth; blanks are in no role's name.
    let directory = String(role.map { $0 == "/" ? " " : $0 })
    self.init(path: "\(volumes)/roles/\(directory)/\(id)", isWholeDisk: false, trash: "\(volumes)/removed")
  }
}
