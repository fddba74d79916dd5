import Resources
import Wire

extension MasterCore {
  func id(of offer: Offer) -> String { Self.offerID(offer.number, configuration) }

  static func offerID(_ number: UInt64, _ configuration: MasterConfiguration) -> String {
    "\(configuration.id)-O\(number)"
  }

  /// The offer with an id; nil when it is not, or no longer, there.
  func offer(_ id: String) -> Offer? { offerNumber(id).flatMap { offers[$0] } }

  /// The number in the id of an offer or inverse offer of this master.
  func offerNumber(_ id: String) -> UInt64? {
    let prefix = "\(configuration.id)-O"
    return id.hasPrefix(prefix) ? UInt64(id.dropFirst(prefix.utf8.count)) : nil
  }

  /// Takes an offer off the list. Its resources are the caller's to hand on or to recover.
  func remove(_ offer: Offer) {
    offers[offer.number] = nil
    offer.framework.offers.remove(offer.number)
    offer.agent.offers.remove(offer.number)
  }

  /// Takes an offer back without a word.
  func withdraw(_ offer: Offer) {
    remove(offer)
    ledger.recover(offer.resources, agent: offer.agent.slot, framework: offer.framework.slot)
  }

  /// Takes an offer back and tells its framework, if this heard of it.
  func rescind(_ offer: Offer) {
    withdraw(offer)
    if untoldOffers.contains(offer.number) { return }
    metrics.offersRescinded += 1
    offer.framework.metrics.offersRescinded += 1
    var event = SchedulerEvent()
    event.type = .rescind
    event.rescind.offerID.value = id(of: offer)
    send(event, to: offer.framework)
  }

  func decline(_ call: SchedulerCall.Decline, of framework: Framework) {
    for id in call.offerIds {
      // Protocol fact 50: offers that are gone are none to decline.
      guard let offer = offer(id.value), offer.framework === framework else { continue }
      remove(offer)
      metrics.offersDeclined += 1
      framework.metrics.offersDeclined += 1
      recover(offer.resources, agent: offer.agent, framework: framework, refusing: call.filters)
    }
  }

  /// Takes back what a framework does not want, and does not offer it again for a while.
  func recover(_ resources: Resources, agent: Agent, framework: Framework, refusing filters: MesosFilters) {
    if resources.isEmpty { return }
    ledger.recover(resources, agent: agent.slot, framework: framework.slot)
    guard let duration = refusal(filters) else { return }
    ledger.refuse(
      resources, agent: agent.slot, framework: framework.slot, until: now.monotonicNs + duration)
  }

  /// How long an agent is kept from a framework, in nanoseconds; nil for not at all (protocol fact 47).
  func refusal(_ filters: MesosFilters) -> Int64? {
    let longest = 365 * Nanoseconds.day
    let seconds = filters.refuseSeconds
    if seconds == 0 { return nil }
    if seconds < 0 || seconds.isNaN { return 5 * Nanoseconds.second }
    let duration = min(Nanoseconds.of(seconds: seconds) ?? longest, longest)
    return max(duration, configuration.allocationIntervalNs)
  }

  // MARK: Timeout

  /// When the oldest offer ends; those that ended otherwise are forgotten on the way.
  var nextOfferEnd: Int64? {
    while let first = offerEnds.first, offers[first.number] == nil { offerEnds.removeFirst() }
    return offerEnds.first?.deadline
  }

  func expireOffers() {
    while let deadline = nextOfferEnd, deadline <= now.monotonicNs {
      let end = offerEnds.removeFirst()
      offers[end.number].map(rescind)
    }
  }
}
