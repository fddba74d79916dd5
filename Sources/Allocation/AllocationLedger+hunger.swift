/// Claimants that go without for long, though something that fits them is free. No cycle pays for finding them.
extension AllocationLedger {
  public struct Hunger {
    public let framework: UInt32
    public let role: String
    /// Whether it has wanted offers and had none since the time asked for, while something fitting was free.
    public let isHungry: Bool
  }

  /// Looks at the next few of the claimants that want offers; all have had their turn after some calls.
  ///
  /// - Parameter time: on the clock of the cycles.
  public func lookForHunger(since time: Int64, at now: Int64) -> [Hunger] {
    guard active.count > 0 else { return [] }
    return (0..<min(active.count, Self.claimantsPerLook)).compactMap { _ in
      hungerCursor = (hungerCursor + 1) % active.count
      let claimant = active[hungerCursor]
      guard let book = claimants[Int(claimant)] else { return nil }
      if book.wantsSinceNs == nil { claimants[Int(claimant)]?.wantsSinceNs = now }
      let isLong = max(book.lastGrantNs ?? .min, book.wantsSinceNs ?? now) <= time
      let isHungry =
        isLong
        && blocked.firstOpen(of: offerable, claimant: claimant) { reason(claimant, $0) == .behindOthers } != nil
      return Hunger(framework: book.framework, role: book.role, isHungry: isHungry)
    }
  }

  private static var claimantsPerLook: Int { 100 }
}
