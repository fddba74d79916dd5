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

  public init(takesGPUs: Bool = false, takesRevocable: Bool = false) {
    self.takesGPUs = takesGPUs
    self.takesRevocable = takesRevocable
  }
}
