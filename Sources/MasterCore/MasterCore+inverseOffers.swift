import Wire

/// Asking frameworks to leave agents that will be unavailable. What they answer changes nothing but what operators see.
extension MasterCore {
  /// To be called when somebody may hold more on an agent, or may be asked again.
  func considerInverseOffers(on agent: Agent) {
    if unavailability(of: agent) != nil { inverseOffers.unconsidered.insert(agent.id) }
  }

  /// Asks each connected framework that has something to lose, used or offered, unless it was asked already or has
  /// answered a short time ago.
  func sendInverseOffers() {
    guard !inverseOffers.unconsidered.isEmpty else { return }
    let considered = inverseOffers.unconsidered.sorted().compactMap { agents[$0] }
    inverseOffers.unconsidered = []
    var messages: [String: [MesosInverseOffer]] = [:]
    for agent in considered {
      guard let unavailability = unavailability(of: agent), agent.stream != nil, !isDeactivated(agent.id) else {
        continue
      }
      let books = inverseOffers.onAgent[agent.id] ?? InverseOfferBooks.OnAgent()
      for framework in holders(on: agent) where framework.stream != nil && books.outstanding[framework.id] == nil {
        if let until = books.filters[framework.id], until > now.monotonicNs { continue }
        messages[framework.id, default: []].append(message(makeInverseOffer(to: framework, agent, unavailability)))
      }
    }
    for (id, messages) in messages.sorted(by: { $0.key < $1.key }) {
      guard let framework = frameworks[id] else { continue }
      send(
        .with {
          $0.type = .inverseOffers
          $0.inverseOffers.inverseOffers = messages
        }, to: framework)
    }
  }

  /// Frameworks that hold anything on an agent.
  private func holders(on agent: Agent) -> [Framework] {
    var ids = Set(agent.executors.keys).union(agent.offers.compactMap { offers[$0]?.framework.id })
    for (id, tasks) in agent.tasks {
      if tasks.contains(where: { !(frameworks[id]?.tasks[$0]?.state.isTerminal ?? true) }) { ids.insert(id) }
    }
    return ids.sorted().compactMap { frameworks[$0] }
  }

  private func makeInverseOffer(
    to framework: Framework, _ agent: Agent, _ unavailability: MesosUnavailability
  ) -> InverseOffer {
    // Protocol fact 33: they share the numbers of offers.
    let offer = InverseOffer(
      number: nextOfferNumber, framework: framework, agent: agent, unavailability: unavailability)
    nextOfferNumber += 1
    inverseOffers.add(offer)
    if let timeout = configuration.offerTimeoutNs {
      timers.add(.inverseOffer(offer.number), at: now.monotonicNs + timeout)
    }
    return offer
  }

  private func message(_ offer: InverseOffer) -> MesosInverseOffer {
    MesosInverseOffer(
      Self.offerID(offer.number, configuration), to: offer.framework.id, on: offer.agent.info, at: offer.agent.address,
      offer.unavailability)
  }

  // MARK: Answers

  func accept(_ call: SchedulerCall.AcceptInverseOffers, of framework: Framework) {
    answer(call.inverseOfferIds, of: framework, .accept, call.filters)
  }

  func decline(_ call: SchedulerCall.DeclineInverseOffers, of framework: Framework) {
    answer(call.inverseOfferIds, of: framework, .decline, call.filters)
  }

  private func answer(
    _ ids: [MesosOfferID], of framework: Framework, _ status: MesosMaintenanceInverseOfferStatus.Status,
    _ filters: MesosFilters
  ) {
    for id in ids {
      guard let number = offerNumber(id.value), let offer = inverseOffers.offers[number],
        offer.framework === framework
      else {
        log(.warning, "Ignored an answer of framework \(framework.id) to inverse offer \(id.value): it is not there")
        continue
      }
      inverseOffers.remove(offer)
      inverseOffers.onAgent[offer.agent.id]?.answers[framework.id] = .with {
        $0.status = status
        $0.frameworkID.value = framework.id
        $0.timestamp.nanoseconds = Int64(now.epochSeconds * 1e9)
      }
      // Who refuses for no time is asked again with the next look at everything, as by Mesos' allocator.
      let until = now.monotonicNs + (refusal(filters) ?? configuration.allocationIntervalNs)
      let earlier = inverseOffers.onAgent[offer.agent.id]?.filters[framework.id] ?? until
      inverseOffers.onAgent[offer.agent.id]?.filters[framework.id] = max(until, earlier)
      timers.add(.inverseOfferFilter(agent: offer.agent.id), at: until)
    }
  }

  // MARK: Ends

  /// Takes an inverse offer back and tells its framework.
  func rescind(_ offer: InverseOffer) {
    inverseOffers.remove(offer)
    send(
      .with {
        $0.type = .rescindInverseOffer
        $0.rescindInverseOffer.inverseOfferID.value = Self.offerID(offer.number, configuration)
      }, to: offer.framework)
  }

  func inverseOfferTimedOut(_ number: UInt64) {
    guard let offer = inverseOffers.offers[number] else { return }
    rescind(offer)
    considerInverseOffers(on: offer.agent)
  }

  func inverseOfferFilterEnded(on id: String) {
    if let agent = agents[id] { considerInverseOffers(on: agent) }
  }

  func rescindInverseOffers(on agent: Agent) {
    for offer in inverseOffers.outstanding(on: agent.id) { rescind(offer) }
  }

  /// The agent is no more, or its unavailability is another: earlier answers say nothing of it.
  func forgetInverseOffers(on agent: Agent) {
    rescindInverseOffers(on: agent)
    inverseOffers.onAgent[agent.id] = nil
  }

  /// A framework whose stream is gone is asked again when it is back.
  func withdrawInverseOffers(of framework: Framework) {
    for offer in inverseOffers.outstanding(of: framework) { inverseOffers.remove(offer) }
    inverseOffers.removeFilters(of: framework.id)
  }

  func considerInverseOffers(to framework: Framework) {
    if maintenance.isEmpty { return }
    for id in framework.agents { agents[id].map(considerInverseOffers) }
  }
}
