import CTepui
import Resources

/// Quotas. A role uses up its quota by what it and the roles below it hold, used or offered, and by what is reserved for
/// them, held or not; so a reservation counts once, and taking it costs nothing more.
extension AllocationLedger {
  /// Sets the quota of a role, whether or not the role is in use; an empty one removes it. In force with the next grant.
  public func setQuota(_ quota: RoleQuota, ofRole name: String) {
    for kind in quota.guarantees.keys.sorted() + quota.limits.keys.sorted() { addKind(named: kind) }
    let byKind = { (amounts: [String: Quantity]) in
      amounts.compactMap { name, amount in self.kind(of: name).map { (kind: $0, amount: amount.thousandths) } }
        .sorted { $0.kind < $1.kind }
    }
    let book = QuotaBook(guarantees: byKind(quota.guarantees), limits: byKind(quota.limits))
    roles.setQuota(quota.isEmpty ? nil : book, of: name)
    considerAll()
  }

  /// What counts against the quota of a role.
  public func consumedQuota(ofRole name: String) -> [(name: String, amount: Quantity)] {
    guard let role = roles.id(of: name) else { return [] }
    return kindNames.indices.compactMap { kind in
      let amount = roles.consumed(role, kind)
      return amount == 0 ? nil : (kindNames[kind], Quantity(thousandths: amount))
    }
  }

  /// All agents together, in use or not.
  public var capacity: [(name: String, amount: Quantity)] {
    kindNames.indices.compactMap { kind in
      let amount = clusterTotal.row(0)[kind]
      return amount == 0 ? nil : (kindNames[kind], Quantity(thousandths: amount))
    }
  }

  /// What is free for anybody, all agents in use together.
  public func freeAmount(of name: String) -> Quantity {
    guard let kind = kind(of: name) else { return .zero }
    return Quantity(thousandths: freeTotal.row(0)[kind])
  }

  /// What guarantees ask of the cycle that begins; nil when all are met.
  func measureHeadroom() -> Headroom? {
    var missing = [Int64](repeating: 0, count: kindNames.count)
    for role in roles.guaranteed {
      for (kind, amount) in roles.quotas[Int(role)]?.guarantees ?? [] {
        missing[kind] = missing[kind].plus(max(0, amount - roles.consumed(role, kind)))
      }
    }
    guard missing.contains(where: { $0 > 0 }) else { return nil }
    let free = Array(UnsafeBufferPointer(start: freeTotal.row(0), count: kindNames.count))
    return Headroom(missing: missing, free: free)
  }

  /// Whether something is missing to the guarantee of a claimant's role or of a role above it.
  func isBelowGuarantee(_ claimant: UInt32) -> Bool {
    roles.upwards(from: claimantRole[claimant]).contains { role in
      roles.quotas[Int(role)]?.guarantees.contains { $0.amount > roles.consumed(role, $0.kind) } ?? false
    }
  }

  /// How much of a kind quotas let a claimant have more: what limits leave, and no headroom of others.
  func quotaRoom(_ claimant: UInt32, _ kind: Int) -> Int64 {
    var room = Int64.max
    var missing: Int64 = 0
    for role in roles.upwards(from: claimantRole[claimant]) {
      guard let quota = roles.quotas[Int(role)] else { continue }
      let consumed = roles.consumed(role, kind)
      for limit in quota.limits where limit.kind == kind { room = min(room, max(0, limit.amount - consumed)) }
      for guarantee in quota.guarantees where guarantee.kind == kind {
        missing = max(missing, guarantee.amount - consumed)
      }
    }
    guard let headroom = open?.headroom else { return room }
    // First everybody gets what was promised, then anything more.
    if open?.isForGuarantees ?? false, isPromised(claimant, kind) { return max(0, min(room, missing)) }
    return min(room, max(0, missing).plus(headroom.spare(kind)))
  }

  /// Whether quotas let a claimant have anything of what is free. Who may have nothing need not be asked about every agent.
  func hasRoom(_ claimant: UInt32) -> Bool {
    // What is reserved, revocable or no amount is not a quota's business.
    guard particularCount == 0, !isAnythingAnOffer else { return true }
    let free = freeTotal.row(0)
    return (0..<kindNames.count).contains { free[$0] > 0 && quotaRoom(claimant, $0) > 0 }
  }

  private func isPromised(_ claimant: UInt32, _ kind: Int) -> Bool {
    roles.upwards(from: claimantRole[claimant]).contains { role in
      roles.quotas[Int(role)]?.guarantees.contains { $0.kind == kind } ?? false
    }
  }

  /// Keeps what a cycle knows of headroom in step with a grant of plain amounts.
  func spendHeadroom(_ plain: UnsafePointer<Int64>, claimant: UInt32) {
    guard open?.headroom != nil else { return }
    for kind in 0..<kindNames.count where plain[kind] > 0 {
      open?.headroom?.free[kind] -= plain[kind]
      for role in roles.upwards(from: claimantRole[claimant]) {
        // Called before the grant is in the books.
        let consumed = roles.consumed(role, kind)
        for guarantee in roles.quotas[Int(role)]?.guarantees ?? [] where guarantee.kind == kind {
          open?.headroom?.missing[kind] -= min(plain[kind], max(0, guarantee.amount - consumed))
        }
      }
    }
  }
}
