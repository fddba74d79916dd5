/// Some amount of one named resource, with all that tells it apart from another amount of the same name.
public struct Resource: Hashable, Sendable {
  public var name: String
  public var value: Value
  /// Innermost first: the last entry is the role that may use the resource. Empty: anybody may.
  public var reservations: [Reservation]
  /// The role that it is offered to or used in; nil while nobody has it.
  public var allocationRole: String?
  /// Held apart because hardly any resource has one and copies of resources should be small.
  public var disk: Disk? {
    get { diskBox?.disk }
    set { diskBox = newValue.map(DiskBox.init) }
  }
  private var diskBox: DiskBox?
  public var hasDisk: Bool { diskBox != nil }
  /// May be taken back at any time.
  public var isRevocable: Bool
  /// Several tasks may use it at once.
  public var isShared: Bool
  public var providerID: String?

  public init(
    _ name: String, _ value: Value, reservations: [Reservation] = [], allocationRole: String? = nil, disk: Disk? = nil,
    isRevocable: Bool = false, isShared: Bool = false, providerID: String? = nil
  ) {
    self.name = name
    self.value = value
    self.reservations = reservations
    self.allocationRole = allocationRole
    diskBox = disk.map(DiskBox.init)
    self.isRevocable = isRevocable
    self.isShared = isShared
    self.providerID = providerID
  }

  /// A scalar in units: `.scalar("cpus", 1.5)`.
  public static func scalar(_ name: String, _ units: Double) -> Resource {
    Resource(name, .scalar(Quantity(units)))
  }

  public var isEmpty: Bool { value.isEmpty }

  /// The role that the resource is reserved for; nil when it is unreserved.
  public var reservationRole: String? { reservations.last?.role }

  /// Whether `role` may use it: it is unreserved, or reserved for that role or one above it.
  public func isUsable(by role: String) -> Bool {
    guard let reserved = reservationRole else { return true }
    return Role.isAtOrBelow(role, reserved)
  }

  /// Goes as a whole or not at all.
  public var isIndivisible: Bool {
    isShared || disk?.isIndivisible ?? false
  }

  /// Whether two amounts are of the same thing and may melt into one (protocol fact 142).
  func isAddable(to other: Resource) -> Bool {
    isLike(other) && !isIndivisible
  }

  /// Whether some port, range or item is in both.
  public func overlaps(_ other: Resource) -> Bool {
    guard name == other.name else { return false }
    switch (value, other.value) {
    case (.ranges(let left), .ranges(let right)): return (left - right) != left
    case (.set(let left), .set(let right)): return !left.isDisjoint(with: right)
    default: return false
    }
  }

  /// Equal in everything but the value.
  func isLike(_ other: Resource) -> Bool {
    name == other.name && value.hasType(of: other.value) && reservations == other.reservations
      && allocationRole == other.allocationRole && diskBox == other.diskBox && isRevocable == other.isRevocable
      && isShared == other.isShared && providerID == other.providerID
  }
}

extension Resource: CustomStringConvertible {
  /// As in Mesos' texts: `cpus(allocated: roleA)(reservations: [(DYNAMIC,roleA)]):1.5`.
  public var description: String {
    var text = name
    if let allocationRole { text += "(allocated: \(allocationRole))" }
    if !reservations.isEmpty {
      text += "(reservations: [" + reservations.map(\.description).joined(separator: ",") + "])"
    }
    if let disk { text += "[\(disk)]" }
    if isRevocable { text += "{REV}" }
    if isShared { text += "<SHARED>" }
    return "\(text):\(value)"
  }
}

private final class DiskBox: Hashable, Sendable {
  let disk: Disk

  init(_ disk: Disk) {
    self.disk = disk
  }

  static func == (left: DiskBox, right: DiskBox) -> Bool {
    left === right || left.disk == right.disk
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(disk)
  }
}
