import Resources

/// How the ledger judges offers.
public struct AllocationOptions: Sendable {
  /// What an offer must hold at least, unless a framework says otherwise for itself.
  public var minimumOffer = MinimumOffer.standard
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

/// What a framework says of the offers that it wants in one role.
public struct RoleTerms: Sendable {
  public var constraints: OfferConstraints?
  /// In place of the one for all.
  public var minimumOffer: MinimumOffer?

  public init(constraints: OfferConstraints? = nil, minimumOffer: MinimumOffer? = nil) {
    self.constraints = constraints
    self.minimumOffer = minimumOffer
  }
}
