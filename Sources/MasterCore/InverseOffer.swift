import Wire

/// The question to a framework whether it will have left an agent by the time that this is unavailable.
struct InverseOffer {
  let number: UInt64
  let framework: Framework
  let agent: Agent
  let unavailability: MesosUnavailability
}

/// Who was asked to leave which agent, and what they said.
struct InverseOfferBooks {
  /// Of one agent that will be unavailable; all by framework.
  struct OnAgent {
    /// The one that lies with the framework.
    var outstanding: [String: UInt64] = [:]
    /// The last answer, for operators.
    var answers: [String: MesosMaintenanceInverseOfferStatus] = [:]
    /// Until when it is not asked again, on the monotonic clock.
    var filters: [String: Int64] = [:]
  }

  private(set) var offers: [UInt64: InverseOffer] = [:]
  var onAgent: [String: OnAgent] = [:]
  /// Agents of which somebody may have to be asked. Looked at once a turn, after offers are made: those who hold an offer
  /// are asked, too.
  var unconsidered: Set<String> = []

  mutating func add(_ offer: InverseOffer) {
    offers[offer.number] = offer
    onAgent[offer.agent.id, default: OnAgent()].outstanding[offer.framework.id] = offer.number
  }

  mutating func remove(_ offer: InverseOffer) {
    offers[offer.number] = nil
    onAgent[offer.agent.id]?.outstanding[offer.framework.id] = nil
  }

  func outstanding(on agent: String) -> [InverseOffer] {
    (onAgent[agent]?.outstanding.values.sorted() ?? []).compactMap { offers[$0] }
  }

  func outstanding(of framework: Framework) -> [InverseOffer] {
    offers.values.filter { $0.framework === framework }.sorted { $0.number < $1.number }
  }

  mutating func removeFilters(of framework: String) {
    for (agent, books) in onAgent where books.filters[framework] != nil {
      onAgent[agent]?.filters[framework] = nil
      unconsidered.insert(agent)
    }
  }

  /// Everything of a framework that is no more.
  mutating func remove(framework: String) {
    for agent in onAgent.keys {
      onAgent[agent]?.answers[framework] = nil
      onAgent[agent]?.filters[framework] = nil
    }
  }

  var answers: [String: [MesosMaintenanceInverseOfferStatus]] {
    onAgent.mapValues { books in books.answers.sorted { $0.key < $1.key }.map(\.value) }
  }
}
