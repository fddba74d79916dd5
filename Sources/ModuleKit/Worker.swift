import Resources

/// A framework in one role that runs tasks of one size: as many as it gets, up to what it wants.
public final class Worker {
  public let name: String
  public let role: String
  /// What a task needs.
  public let task: [(kind: String, amount: Int64)]
  public let wanted: Int
  /// How many tasks it starts on one offer at most; the rest of the offer it gives back.
  public let perOffer: Int
  public fileprivate(set) var running: [(agent: UInt32, resources: Resources)] = []
  /// Given by the ledger.
  public internal(set) var id: UInt32 = 0

  /// Amounts are in units: `["cpus": 1, "mem": 4096]`.
  public init(_ name: String, role: String? = nil, task: [String: Double], wanted: Int = .max, perOffer: Int = 1) {
    self.name = name
    self.role = role ?? name
    self.task = task.sorted { $0.key < $1.key }.map { ($0.key, Quantity($0.value).thousandths) }
    self.wanted = wanted
    self.perOffer = perOffer
  }

  public var isSatisfied: Bool { running.count >= wanted }

  /// Starts tasks on what was offered; what is left of it.
  public func use(_ offer: Resources, on agent: UInt32) -> (rest: Resources, started: Int) {
    var rest = offer
    var started = 0
    while started < perOffer, !isSatisfied, let resources = part(of: rest) {
      running.append((agent, resources))
      rest -= resources
      started += 1
    }
    return (rest, started)
  }

  /// Ends the oldest task.
  public func end() -> (agent: UInt32, resources: Resources)? { running.isEmpty ? nil : running.removeFirst() }

  /// Whether a task fits into amounts by kind.
  public func fits(_ free: (String) -> Int64) -> Bool { task.allSatisfy { $0.amount <= free($0.kind) } }

  /// As much as a task needs, what is reserved first; nil when it is not there.
  private func part(of offer: Resources) -> Resources? {
    guard fits({ offer.total(of: $0).thousandths }) else { return nil }
    let reservedFirst = Array(offer.reserved) + Array(offer.unreserved)
    var parts: [Resource] = []
    for (kind, amount) in task {
      var missing = amount
      for resource in reservedFirst where resource.name == kind && missing > 0 {
        guard case .scalar(let quantity) = resource.value else { continue }
        var part = resource
        part.value = .scalar(Quantity(thousandths: min(missing, quantity.thousandths)))
        missing -= min(missing, quantity.thousandths)
        parts.append(part)
      }
    }
    return Resources(parts)
  }
}
