import Resources

/// How the ledger judges offers.
public struct AllocationOptions: Sendable {
  /// An offer must have at least this much of some kind: `cpus` or `mem` by default, as in Mesos.
  public var minimumOffer: [(name: String, amount: Quantity)] = [
    ("cpus", Quantity(0.01)), ("mem", Quantity(32)),
  ]
  /// Keeps agents with GPUs from frameworks that do not say GPU_RESOURCES (protocol fact 51).
  public var reservesGPUAgents = true
  /// Kinds that do not count towards fair shares.
  public var excludedFromFairness: [String] = []
  public var seed: UInt64 = 0

  public init() {}
}

/// What a framework can take.
public struct FrameworkTraits: Sendable, Equatable {
  public var takesGPUs: Bool
  public var takesRevocable: Bool
  /// Shared volumes.
  public var takesShared: Bool
  /// Resources with more than one reservation, which the old format cannot say.
  public var takesRefined: Bool
  /// Agents of other regions than the master's.
  public var takesRemote: Bool

  public init(
    takesGPUs: Bool = false, takesRevocable: Bool = false, takesShared: Bool = false, takesRefined: Bool = true,
    takesRemote: Bool = false
  ) {
    self.takesGPUs = takesGPUs
    self.takesRevocable = takesRevocable
    self.takesShared = takesShared
    self.takesRefined = takesRefined
    self.takesRemote = takesRemote
  }

  func take(_ resource: Resource) -> Bool {
    (takesRevocable || !resource.isRevocable) && (takesShared || !resource.isShared)
      && (takesRefined || resource.reservations.count < 2)
  }
}
