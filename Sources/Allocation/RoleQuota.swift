import Resources

/// What a role with all roles below it is promised, and what it may not exceed; amounts of scalars by name.
public struct RoleQuota: Sendable, Equatable {
  public var guarantees: [String: Quantity]
  public var limits: [String: Quantity]

  public init(guarantees: [String: Quantity] = [:], limits: [String: Quantity] = [:]) {
    self.guarantees = guarantees
    self.limits = limits
  }

  public var isEmpty: Bool { guarantees.isEmpty && limits.isEmpty }
}

/// The same by kind, in thousandths, for the checks of a cycle.
struct QuotaBook {
  var guarantees: [(kind: Int, amount: Int64)]
  var limits: [(kind: Int, amount: Int64)]
}

/// What guarantees ask of a cycle.
struct Headroom {
  /// By kind: what roles below their guarantee still miss, and what is free for anybody.
  var missing: [Int64]
  var free: [Int64]

  /// What may go to those to whom nothing is missing.
  func spare(_ kind: Int) -> Int64 { max(0, free[kind] - missing[kind]) }
}
