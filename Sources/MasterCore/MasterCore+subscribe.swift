import Allocation
import Resources
import Wire

extension MasterCore {
  /// Opens the stream of a framework. A refusal on grounds of content is an ERROR on the stream (protocol fact 29).
  func subscribe(_ call: SchedulerCall.Subscribe, from connection: ConnectionID) {
    let streamID = RandomUUID.make(using: &generator)
    effects.append(.openScheduler(connection, streamID: streamID))
    do throws(ResourceError) {
      let subscription = try check(call)
      if call.frameworkInfo.hasID, let framework = frameworks[call.frameworkInfo.id.value] {
        resubscribe(framework, subscription, connection, streamID)
      } else {
        add(subscription, connection, streamID)
      }
    } catch {
      log(.info, "Refused to subscribe framework '\(call.frameworkInfo.name)': \(error)")
      effects.append(.sendScheduler(connection, .error(error.description)))
      effects.append(.close(connection))
    }
  }

  private func check(_ call: SchedulerCall.Subscribe) throws(ResourceError) -> Subscription {
    let info = call.frameworkInfo
    let problem =
      FrameworkCheck.problem(info, configuration: configuration) ?? problemOfCompletion(info)
      ?? FrameworkCheck.problem(ofSuppressed: call.suppressedRoles, info)
    if let problem { throw ResourceError(problem) }
    let subscription = Subscription(
      info: info, suppressed: call.suppressedRoles, constraints: call.offerConstraints,
      terms: try FrameworkTerms(configuration: configuration).read(info, call.offerConstraints))
    if info.hasID, let framework = frameworks[info.id.value], !framework.hasPrincipal(of: info) {
      throw ResourceError(FrameworkCheck.changedPrincipal)
    }
    return subscription
  }

  private func problemOfCompletion(_ info: MesosFrameworkInfo) -> String? {
    info.hasID && completedFrameworkIDs.contains(info.id.value) ? "Framework has been removed" : nil
  }

  /// An unknown id is taken as that of a framework of an earlier master (protocol fact 34).
  private func add(_ subscription: Subscription, _ connection: ConnectionID, _ streamID: String) {
    let id = subscription.info.id.value.isEmpty ? makeFrameworkID() : subscription.info.id.value
    let framework = addFramework(id, subscription.info, .connected(connection, streamID: streamID))
    update(framework, subscription)
    metrics.frameworkRegistrations += 1
    log(.info, "Framework \(id) (\(framework.info.name)) subscribed")
    connect(framework, connection, streamID)
    tellAdded(framework)
  }

  private func makeFrameworkID() -> String {
    let number = String(nextFrameworkNumber)
    nextFrameworkNumber += 1
    return "\(configuration.id)-" + String(repeating: "0", count: max(0, 4 - number.utf8.count)) + number
  }

  private func resubscribe(
    _ framework: Framework, _ subscription: Subscription, _ connection: ConnectionID, _ streamID: String
  ) {
    for number in framework.offers.sorted() { offers[number].map(rescind) }
    for offer in inverseOffers.outstanding(of: framework) { rescind(offer) }
    inverseOffers.removeFilters(of: framework.id)
    if let old = framework.stream {
      // Protocol fact 35.
      effects.append(.sendScheduler(old, .error("Framework failed over")))
      effects.append(.close(old))
      frameworkOfStream[old] = nil
    }
    framework.reregisteredTime = now.epochSeconds
    metrics.frameworkReregistrations += 1
    log(.info, "Framework \(framework.id) (\(subscription.info.name)) subscribed again")
    update(framework, subscription)
    connect(framework, connection, streamID)
    tellUpdated(framework)
  }

  /// Protocol facts 31 and 32.
  private func connect(_ framework: Framework, _ connection: ConnectionID, _ streamID: String) {
    framework.connection = .connected(connection, streamID: streamID)
    framework.generation += 1
    metrics.calls[.subscribe, default: 0] += 1
    framework.metrics.calls[.subscribe, default: 0] += 1
    frameworkOfStream[connection] = framework
    ledger.setActive(true, framework: framework.slot)
    var event = SchedulerEvent()
    event.type = .subscribed
    event.subscribed.frameworkID.value = framework.id
    event.subscribed.heartbeatIntervalSeconds = Double(configuration.heartbeatIntervalNs) / 1e9
    event.subscribed.masterInfo = configuration.masterInfo
    send(event, to: framework)
    considerInverseOffers(to: framework)
    heartbeat(framework.id, framework.generation)
  }

  func heartbeat(_ id: String, _ generation: UInt64) {
    guard let framework = frameworks[id], framework.generation == generation, framework.stream != nil else { return }
    var event = SchedulerEvent()
    event.type = .heartbeat
    send(event, to: framework)
    timers.add(
      .heartbeat(framework: id, generation: generation), at: now.monotonicNs + configuration.heartbeatIntervalNs)
  }

  func addFramework(_ id: String, _ info: MesosFrameworkInfo, _ connection: Framework.Connection) -> Framework {
    // Wants nothing until it is connected.
    let slot = ledger.addFramework(id, roles: [])
    ledger.setActive(false, framework: slot)
    let framework = Framework(
      id: id, info: info, slot: slot, connection: connection, now: now, limits: configuration)
    frameworks[id] = framework
    frameworkOfSlot[slot] = framework
    return framework
  }
}

extension Framework {
  func hasPrincipal(of other: MesosFrameworkInfo) -> Bool {
    info.hasPrincipal == other.hasPrincipal && info.principal == other.principal
  }

  var traits: FrameworkTraits {
    FrameworkTraits(
      takesGPUs: has(.gpuResources), takesRevocable: has(.revocableResources), takesShared: has(.sharedResources),
      takesRefined: has(.reservationRefinement), takesRemote: has(.regionAware))
  }
}

extension SchedulerEvent {
  static func error(_ message: String) -> SchedulerEvent {
    var event = SchedulerEvent()
    event.type = .error
    event.error.message = message
    return event
  }
}
