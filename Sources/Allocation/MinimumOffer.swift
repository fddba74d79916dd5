import Resources

/// How little an offer may hold: at least all amounts of some alternative. Without alternatives, anything is enough.
public struct MinimumOffer: Sendable, Hashable {
  public struct Amount: Sendable, Hashable {
    public let name: String
    public let amount: Quantity

    public init(_ name: String, _ amount: Quantity) {
      self.name = name
      self.amount = amount
    }
  }

  public let alternatives: [[Amount]]

  /// An amount of nothing asks for nothing.
  public init(anyOf alternatives: [[Amount]]) {
    let asked = alternatives.map { $0.filter { $0.amount > .zero } }
    self.alternatives = asked.contains { $0.isEmpty } ? [] : asked
  }

  /// The default of Mesos.
  public static let standard = MinimumOffer(anyOf: [[Amount("cpus", Quantity(0.01))], [Amount("mem", Quantity(32))]])

  func isMet(by resources: Resources) -> Bool {
    alternatives.isEmpty
      ? !resources.isEmpty
      : alternatives.contains { $0.allSatisfy { resources.total(of: $0.name) >= $0.amount } }
  }
}
