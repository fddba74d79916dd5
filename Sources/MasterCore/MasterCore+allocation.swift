import Allocation
import Resources
import Wire

extension MasterCore {
  /// When a cycle should run next; nil when nothing calls for one.
  var nextAllocation: Int64? {
    let soonest = lastCycle.map { $0 + configuration.allocationPauseNs } ?? now.monotonicNs
    if isHoldingOffers { return nil }
    if ledger.wantsCycle(at: now.monotonicNs) { return soonest }
    let reconsideration = ledger.hasChanged ? nextReconsideration : nil
    return [ledger.nextFilterEnd, reconsideration].compactMap { $0 }.min().map { max($0, soonest) }
  }

  /// Lets the policy decide, if there is something to decide about and the last time was not just now.
  func allocate() {
    let time = now.monotonicNs
    if time >= nextReconsideration {
      ledger.reconsider()
      nextReconsideration = time + configuration.allocationIntervalNs
    }
    guard !isHoldingOffers, ledger.wantsCycle(at: time),
      lastCycle.map({ time >= $0 + configuration.allocationPauseNs }) ?? true
    else {
      return
    }
    lastCycle = time
    let cycle = ledger.runCycle(policy, at: time, deadline: time + configuration.allocationDeadlineNs)
    metrics.allocationRuns += 1
    metrics.grantsInvalid += cycle.invalidCount
    metrics.grantsRefused += cycle.refusedCount
    if cycle.failure != nil { metrics.allocationFailures += 1 }
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

  /// Makes offers of grants; those of one cycle go to a framework in one event (protocol fact 42).
  private func offer(_ grants: [Grant]) {
    var offersByFramework: [String: [MesosOffer]] = [:]
    for grant in grants {
      guard let framework = frameworkOfSlot[grant.framework], let agent = agentOfSlot[grant.agent] else { continue }
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
      offersByFramework[framework.id, default: []].append(message(offer))
    }
    for (id, messages) in offersByFramework.sorted(by: { $0.key < $1.key }) {
      guard let framework = frameworks[id] else { continue }
      metrics.offersSent += messages.count
      var event = SchedulerEvent()
      event.type = .offers
      event.offers.offers = messages
      send(event, to: framework)
    }
  }

  /// Protocol fact 43.
  private func message(_ offer: Offer) -> MesosOffer {
    let agent = offer.agent
    var message = MesosOffer()
    message.id.value = id(of: offer)
    message.frameworkID.value = offer.framework.id
    message.agentID.value = agent.id
    message.hostname = agent.info.hostname
    message.url = agent.url
    message.attributes = agent.info.attributes
    message.executorIds = (agent.executors[offer.framework.id] ?? [:]).keys.sorted().map { id in
      var executorID = MesosExecutorID()
      executorID.value = id
      return executorID
    }
    if agent.info.hasDomain { message.domain = agent.info.domain }
    if let unavailability = unavailability(of: agent) { message.unavailability = unavailability }
    // Protocol fact 44: only multi-role frameworks see the role.
    let isMultiRole = offer.framework.has(.multiRole)
    if isMultiRole { message.allocationInfo.role = offer.role }
    let resources = isMultiRole ? offer.resources : offer.resources.unallocated()
    message.resources = resources.wire(offer.framework.reservationFormat)
    return message
  }
}
