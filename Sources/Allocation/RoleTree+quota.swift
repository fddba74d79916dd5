import Resources

extension RoleTree {
  /// A role with a quota is in use, so that its guarantee holds before its first framework comes.
  func setQuota(_ quota: QuotaBook?, of name: String) {
    let role = retain(name)
    let had = quotas[Int(role)] != nil
    quotas[Int(role)] = quota
    guaranteed.removeAll { $0 == role }
    if let quota, !quota.guarantees.isEmpty { guaranteed.append(role) }
    quotaCount += (quota == nil ? 0 : 1) - (had ? 1 : 0)
    // One use for having a quota, and the one of this call goes back.
    if had || quota == nil { release(role) }
    if had && quota == nil { release(role) }
  }

  /// Thousandths of a kind that count against the quota of a role.
  func consumed(_ role: UInt32, _ kind: Int) -> Int64 {
    allocated.row(role)[kind].plus(reservedFree.row(role)[kind])
  }

  /// A role and the roles above it, without the root.
  func upwards(from role: UInt32) -> some Sequence<UInt32> {
    sequence(state: role) { [self] next in
      guard next != RoleTree.root, next != noID else { return nil }
      defer { next = parents[next] }
      return next
    }
  }
}
