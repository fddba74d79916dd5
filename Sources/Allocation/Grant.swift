import Resources

/// Resources of one agent for one framework in one role, as a policy decided and the ledger accepted.
public struct Grant: Sendable {
  public let agent: UInt32
  public let framework: UInt32
  public let claimant: UInt32
  public let role: String
  /// Allocated to `role`.
  public internal(set) var resources: Resources

  mutating func add(_ more: Resources) {
    resources += more
  }
}

/// What came of one cycle.
public struct AllocationCycle: Sendable {
  /// At most one per agent and claimant.
  public internal(set) var grants: [Grant] = []
  /// Grants that were not possible and nobody's fault.
  public internal(set) var refusedCount = 0
  /// Grants that can never be: the policy's fault.
  public internal(set) var invalidCount = 0
  /// Texts for the first of the invalid grants; each names module, agent, framework, what was asked and what is free.
  public internal(set) var complaints: [String] = []
  /// Why the policy gave up, if it did.
  public internal(set) var failure: String?

  /// A hostile policy must not flood the log.
  static let mostComplaints = 8
}
