import Allocation
import Resources
import Wire

extension MasterCore {
  /// Opens the stream of a framework. A refusal on grounds of content is an ERROR on the stream (protocol fact 29).
  func subscribe(_ call: SchedulerCall.Subscribe, from connection: ConnectionID) {
    let streamID = RandomUUID.make(using: &generator)
    effects.append(.openScheduler(connection, streamID: streamID))
    let info = call.frameworkInfo
    let problem = FrameworkCheck.problem(info, suppressed: call.suppressedRoles, configuration: configuration)
    if let problem = problem ?? problemOfIdentity(info) {
      log(.info, "Refused to subscribe framework '\(info.name)': \(problem)")
      refuse(connection, problem)
      return
    }
    if info.hasID, let framework = frameworks[info.id.value] {
      resubscribe(framework, call, connection, streamID)
    } else {
      add(call, connection, streamID)
    }
  }

  private func problemOfIdentity(_ info: MesosFrameworkInfo) -> String? {
    guard info.hasID else { return nil }
    if completedFrameworkIDs.contains(info.id.value) { return "Framework has been removed" }
    guard let framework = frameworks[info.id.value] else { return nil }
    let isSame = framework.info.hasPrincipal == info.hasPrincipal && framework.info.principal == info.principal
    return isSame ? nil : "Changing framework's principal is not allowed."
  }

  private func refuse(_ connection: ConnectionID, _ message: String) {
    effects.append(.sendScheduler(connection, .error(message)))
    effects.append(.close(connection))
  }

  /// An unknown id is taken as that of a framework of an earlier master (protocol fact 34).
  private func add(_ call: SchedulerCall.Subscribe, _ connection: ConnectionID, _ streamID: String) {
    let id = call.frameworkInfo.hasID ? call.frameworkInfo.id.value : makeFrameworkID()
    let framework = addFramework(id, call.frameworkInfo, .connected(connection, streamID: streamID))
    update(framework, call.frameworkInfo, suppressed: call.suppressedRoles)
    log(.info, "Framework \(id) (\(framework.info.name)) subscribed")
    connect(framework, connection, streamID)
  }

  private func makeFrameworkID() -> String {
    let number = String(nextFrameworkNumber)
    nextFrameworkNumber += 1
    return "\(configuration.id)-" + String(repeating: "0", count: max(0, 4 - number.utf8.count)) + number
  }

  private func resubscribe(
    _ framework: Framework, _ call: SchedulerCall.Subscribe, _ connection: ConnectionID, _ streamID: String
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
    log(.info, "Framework \(framework.id) (\(call.frameworkInfo.name)) subscribed again")
    update(framework, call.frameworkInfo, suppressed: call.suppressedRoles)
    connect(framework, connection, streamID)
  }

  /// Protocol facts 31 and 32.
  private func connect(_ framework: Framework, _ connection: ConnectionID, _ streamID: String) {
    framework.connection = .connected(connection, streamID: streamID)
    framework.generation += 1
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

  /// Takes over what a framework says of itself, here, in the ledger and on the agents that run its tasks.
  func update(_ framework: Framework, _ info: MesosFrameworkInfo, suppressed: [String]) {
    framework.update(info)
    ledger.update(
      framework: framework.slot, roles: framework.roles, suppressed: suppressed, traits: framework.traits)
    for id in framework.agents.sorted() {
      guard let agent = agents[id] else { continue }
      var event = AgentEvent()
      event.updateFramework.frameworkInfo = framework.info
      send(event, to: agent)
    }
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

  /// Protocol fact 22.
  func updateFramework(
    _ call: SchedulerCall.UpdateFramework, of framework: Framework, from connection: ConnectionID
  ) {
    if let problem = FrameworkCheck.problem(call.frameworkInfo, configuration: configuration) {
      return respond(connection, 400, "Supplied FrameworkInfo is not valid: \(problem)")
    }
    if let problem = problem(updating: framework.info, to: call.frameworkInfo) {
      return respond(connection, 400, "FrameworkInfo update is not valid: \(problem)")
    }
    if let problem = FrameworkCheck.problem(ofSuppressed: call.suppressedRoles, call.frameworkInfo) {
      return respond(connection, 400, "'UpdateFramework' call is not valid: \(problem)")
    }
    update(framework, call.frameworkInfo, suppressed: call.suppressedRoles)
    respond(connection, 200)
  }

  private func problem(updating old: MesosFrameworkInfo, to new: MesosFrameworkInfo) -> String? {
    func unsupported(_ field: String, _ from: String, _ to: String) -> String? {
      from == to
        ? nil
        : "Updating 'FrameworkInfo.\(field)' is unsupported; attempted to update from '\(from)' to '\(to)'"
    }
    return unsupported("principal", old.principal, new.principal) ?? unsupported("user", old.user, new.user)
      ?? unsupported("checkpoint", "\(old.checkpoint)", "\(new.checkpoint)")
  }
}

extension Framework {
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
