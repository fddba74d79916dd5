/// What makes a disk resource more than an amount: a volume on it, or the device that it comes from.
///
/// Two are equal when they are the same disk: `volume` and the principal say how it is used and by whom it was made, and
/// may be said otherwise each time.
public struct Disk: Sendable {
  public struct Persistence: Hashable, Sendable {
    public var id: String
    public var principal: String?

    public init(id: String, principal: String? = nil) {
      self.id = id
      self.principal = principal
    }
  }

  /// Where a persistent volume appears in a container.
  public struct Volume: Hashable, Sendable {
    public var containerPath: String
    public var hostPath: String?
    public var isReadOnly: Bool

    public init(containerPath: String, hostPath: String? = nil, isReadOnly: Bool = false) {
      self.containerPath = containerPath
      self.hostPath = hostPath
      self.isReadOnly = isReadOnly
    }
  }

  public struct Source: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable {
      case path = "PATH"
      case mount = "MOUNT"
      case block = "BLOCK"
      case raw = "RAW"
    }

    public var kind: Kind
    /// Of a PATH or MOUNT disk.
    public var root: String?
    public var vendor: String?
    public var id: String?
    public var profile: String?
    public var metadata: [Label]

    public init(
      _ kind: Kind, root: String? = nil, vendor: String? = nil, id: String? = nil, profile: String? = nil,
      metadata: [Label] = []
    ) {
      self.kind = kind
      self.root = root
      self.vendor = vendor
      self.id = id
      self.profile = profile
      self.metadata = metadata
    }
  }

  public var persistence: Persistence?
  public var volume: Volume?
  public var source: Source?

  public init(persistence: Persistence? = nil, volume: Volume? = nil, source: Source? = nil) {
    self.persistence = persistence
    self.volume = volume
    self.source = source
  }

  /// Whether the disk goes as a whole or not at all: two of them never melt into one, and no part can be taken.
  public var isIndivisible: Bool {
    if persistence != nil { return true }
    switch source?.kind {
    case nil, .path?: return false
    case .mount?, .block?: return true
    // A raw disk with an id is a device; without, a pool of storage that can be cut.
    case .raw?: return source?.id != nil
    }
  }
}

extension Disk: Hashable {
  public static func == (left: Disk, right: Disk) -> Bool {
    left.source == right.source && left.persistence?.id == right.persistence?.id
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(source)
    hasher.combine(persistence?.id)
  }
}

extension Disk: CustomStringConvertible {
  public var description: String {
    var parts: [String] = []
    if let source {
      let isManaged = source.id != nil || source.profile != nil
      let details = [source.vendor, source.id, source.profile].map { $0 ?? "" }.joined(separator: ",")
      parts.append(source.kind.rawValue + (isManaged ? "(\(details))" : source.root.map { ":\($0)" } ?? ""))
    }
    if let persistence { parts.append(persistence.id) }
    let path = volume.map { volume in
      let mode = volume.isReadOnly ? "ro" : "rw"
      return ":" + (volume.hostPath.map { "\($0):\(volume.containerPath):\(mode)" } ?? volume.containerPath)
    }
    return parts.joined(separator: ",") + (path ?? "")
  }
}
