import CTepui
import Resources

/// The roles in use as a tree, with weights and with what is allocated in each role and below it.
///
/// A role exists while a claimant or a role below needs it. Row 0 is the root.
final class RoleTree {
  let names = NameTable()
  let parents = Column<UInt32>(initial: noID)
  let weights = Column<Int64>(initial: 0)
  let allocated: QuantityTable
  /// Per role: reserved for it or for a role below, and held by nobody.
  let reservedFree: QuantityTable
  /// By role.
  var quotas: [QuotaBook?] = []
  var quotaCount = 0
  /// Roles with a guarantee.
  var guaranteed: [UInt32] = []

  private var ids = DenseIDs()
  private var idsByName: [String: UInt32] = [:]
  private var users: [Int] = []
  /// Claimants in the role and below it.
  private var members: [Int] = []
  private var weightsByName: [String: Int64] = [:]

  static let root: UInt32 = 0
  static let normalWeight: Int64 = 1000

  init(kinds: Int) {
    allocated = QuantityTable(kinds: kinds)
    reservedFree = QuantityTable(kinds: kinds)
    let root = add("", below: noID)
    users[Int(root)] = 1
  }

  var count: UInt32 { ids.count }

  /// Nil when nothing needs the role or one below it: no claimant, no reservation, no quota.
  func id(of name: String) -> UInt32? { idsByName[name] }

  /// The lowest role that is, or is above, both.
  func lowest(above left: UInt32, and right: UInt32) -> UInt32 {
    var above: Set<UInt32> = []
    forEachUpwards(from: left) { above.insert($0) }
    var role = right
    while role != RoleTree.root, !above.contains(role) { role = parents[role] }
    return role
  }

  /// The id of a role, made together with the roles above it when it is new; pair it with `release`.
  func retain(_ name: String) -> UInt32 {
    if let id = idsByName[name] {
      users[Int(id)] += 1
      return id
    }
    let parent = Role.parent(of: name).map(retain) ?? RoleTree.root
    let id = add(name, below: parent)
    idsByName[name] = id
    users[Int(id)] = 1
    return id
  }

  /// As `retain`, for a claimant; pair it with `leave`.
  func join(_ name: String) -> UInt32 {
    let role = retain(name)
    forEachUpwards(from: role) { members[Int($0)] += 1 }
    return role
  }

  func leave(_ role: UInt32) {
    forEachUpwards(from: role) { members[Int($0)] -= 1 }
    release(role)
  }

  /// The id of a role that has a claimant, in it or below it.
  func populatedID(of name: String) -> UInt32? {
    id(of: name).flatMap { isPopulated($0) ? $0 : nil }
  }

  func isPopulated(_ role: UInt32) -> Bool { members[Int(role)] > 0 }

  func release(_ id: UInt32) {
    guard id != RoleTree.root else { return }
    users[Int(id)] -= 1
    guard users[Int(id)] == 0 else { return }
    let parent = parents[id]
    idsByName[names.string(id)] = nil
    names.remove(id)
    parents[id] = noID
    weights[id] = 0
    allocated.clear(id)
    reservedFree.clear(id)
    ids.giveBack(id)
    release(parent)
  }

  /// In thousandths; kept for a role that is not in use yet.
  func setWeight(_ weight: Int64, of name: String) {
    weightsByName[name] = weight
    if let id = idsByName[name] { weights[id] = weight }
  }

  func addAllocated(_ amounts: UnsafePointer<Int64>, in role: UInt32) {
    forEachUpwards(from: role) { allocated.add(amounts, to: $0) }
  }

  func subtractAllocated(_ amounts: UnsafePointer<Int64>, in role: UInt32) {
    forEachUpwards(from: role) { allocated.subtract(amounts, from: $0) }
  }

  func addReservedFree(_ amounts: UnsafePointer<Int64>, for role: UInt32) {
    forEachUpwards(from: role) { reservedFree.add(amounts, to: $0) }
  }

  func subtractReservedFree(_ amounts: UnsafePointer<Int64>, for role: UInt32) {
    forEachUpwards(from: role) { reservedFree.subtract(amounts, from: $0) }
  }

  func forEachUpwards(from role: UInt32, _ body: (UInt32) -> Void) {
    var role = role
    while role != noID {
      body(role)
      role = parents[role]
    }
  }

  private func add(_ name: String, below parent: UInt32) -> UInt32 {
    let id = ids.take()
    parents.grow(to: Int(ids.count))
    weights.grow(to: Int(ids.count))
    allocated.growRows(to: Int(ids.count))
    reservedFree.growRows(to: Int(ids.count))
    while quotas.count < Int(ids.count) { quotas.append(nil) }
    while users.count < Int(ids.count) {
      users.append(0)
      members.append(0)
    }
    names.set(name, for: id)
    parents[id] = parent
    weights[id] = weightsByName[name] ?? RoleTree.normalWeight
    return id
  }
}
