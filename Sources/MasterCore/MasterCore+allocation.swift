import Allocation
import Resources
import Wire

extension MasterCore {
  /// When a cycle should run next; nil when nothing calls for one.
  var nextAllocation: Int64? {
    if isHoldingOffers || !untoldOffers.isEmpty { return nil }
    if ledger.wantsCycle(at: now.monotonicNs) { return soonestCycle }
    let reconsideration = ledger.hasChanged ? nextReconsideration : nil
    return [ledger.nextFilterEnd, reconsideration].compactMap { $0 }.min().map { max($0, soonestCycle) }
  }

  /// Lets the policy decide, if there is something to decide about and the last time was not just now.
  func allocate() {
    let time = now.monotonicNs
    if time >= nextReconsideration {
      ledger.reconsider()
      nextReconsideration = time + configuration.allocationIntervalNs
    }
    guard !isHoldingOffers, untoldOffers.isEmpty, ledger.wantsCycle(at: time), time >= soonestCycle else { return }
    lastCycle = time
    let cycle = ledger.runCycle(
      policy, at: time, deadline: time + configuration.allocationDeadlineNs,
      candidatesAtMost: configuration.agentsPerCycle)
    metrics.allocationRuns += 1
    if let duration = policy.lastCycleNs { metrics.cycleTimes.add(Double(duration) / 1e6) }
    metrics.grantsInvalid += cycle.invalidCount
    metrics.grantsRefused += cycle.refusedCount
    if cycle.failure != nil { metrics.allocationFailures += 1 }
    let offersNs = Int64(cycle.grants.count) * configuration.allocationPausePerOfferNs
    soonestCycle = time + max(configuration.allocationPauseNs, offersNs)
    blame(cycle)
    offer(cycle.grants)
  }

  /// Logs what a policy did wrong, unless that was the same the last time.
  private func blame(_ cycle: AllocationCycle) {
    var blame = cycle.complaints.map { "allocator \($0)" }
    if cycle.invalidCount > blame.count {
      blame.append("allocator \(policy.id): \(cycle.invalidCount) grants of a cycle were refused as impossible")
    }
    if let failure = cycle.failure { blame.append("allocator \(policy.id) failed: \(failure)") }
    if blame != lastBlame {
      for text in blame { log(.error, text) }
    }
    lastBlame = blame
  }

  /// Makes offers of grants, those of a framework one after the other. They are told by `tellOffers`.
  private func offer(_ grants: [Grant]) {
    let byFramework = Dictionary(grouping: grants, by: \.framework)
      .compactMap { slot, grants in frameworkOfSlot[slot].map { (framework: $0, grants: grants) } }
      .sorted { $0.framework.id < $1.framework.id }
    let first = nextOfferNumber
    for (framework, grants) in byFramework {
      for grant in grants {
        guard let agent = agentOfSlot[grant.agent] else { continue }
        let offer = Offer(
          number: nextOfferNumber, framework: framework, agent: agent, role: grant.role, resources: grant.resources)
        nextOfferNumber += 1
        offers[offer.number] = offer
        framework.offers.insert(offer.number)
        agent.offers.insert(offer.number)
        considerInverseOffers(on: agent)
        if let timeout = configuration.offerTimeoutNs {
          offerEnds.append((offer.number, now.monotonicNs + timeout))
        }
      }
    }
    untoldOffers = first..<nextOfferNumber
  }

  /// Tells frameworks of their new offers, those of one cycle in one event (protocol fact 42). But a cycle can make ten
  /// thousand, and while they are written down, and all declined, nobody else is heard: so they are told by and by.
  func tellOffers() {
    guard !untoldOffers.isEmpty, now.monotonicNs >= nextTelling else { return }
    var messages: [MesosOffer] = []
    var left = MasterConfiguration.offersPerTurn
    while left > 0, let number = untoldOffers.popFirst() {
      // It may be gone before it was told.
      guard let offer = offers[number] else { continue }
      messages.append(message(offer))
      left -= 1
      let next = untoldOffers.first.flatMap { offers[$0] }
      if left > 0 && next?.framework === offer.framework { continue }
      metrics.offersSent += messages.count
      offer.framework.metrics.offersSent += messages.count
      var event = SchedulerEvent()
      event.type = .offers
      event.offers.offers = messages
      messages = []
      send(event, to: offer.framework)
    }
    let count = Int64(MasterConfiguration.offersPerTurn - left)
    nextTelling = now.monotonicNs + count * MasterConfiguration.tellingPausePerOfferNs
  }

  private func message(_ offer: Offer) -> MesosOffer {
    let agent = offer.agent
    var message = MesosOffer(
      id(of: offer), to: offer.framework.id, on: agent.info, at: agent.address,
      executors: (agent.executors[offer.framework.id] ?? [:]).keys, unavailability: unavailability(of: agent))
    // Protocol fact 44: only multi-role frameworks see the role.
    let isMultiRole = offer.framework.has(.multiRole)
    if isMultiRole { message.allocationInfo.role = offer.role }
    let resources = isMultiRole ? offer.resources : offer.resources.unallocated()
    message.resources = resources.wire(offer.framework.reservationFormat)
    return message
  }
}
