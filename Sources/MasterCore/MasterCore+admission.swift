import Resources
import Wire

/// Which agents belong to the cluster. `agentRecords` is what the registry holds of them, or will hold as soon as the
/// writes under way are done.
extension MasterCore {
  /// An agent opens its stream: a new one, one that lost its stream or its process, one that was unreachable, or one of
  /// an earlier master. It is admitted when the registry knows it as it is now.
  func subscribe(_ call: AgentCall.Subscribe, from connection: ConnectionID) {
    let totals: Resources
    do { totals = try Resources(wire: call.agentInfo.resources) } catch {
      return respond(connection, 400, "Failed to validate agent '\(call.agentInfo.hostname)': \(error)")
    }
    if call.agentInfo.hasID, let problem = Identifier.problem(call.agentInfo.id.value) {
      return respond(connection, 400, "Failed to validate agent '\(call.agentInfo.hostname)': \(problem)")
    }
    if isDown(call) { return turnAway(connection, Self.machineIsDown) }
    if let problem = problem(ofDomain: call) { return respond(connection, 400, problem) }
    let id = call.agentInfo.hasID ? call.agentInfo.id.value : makeAgentID()
    let known = agentRecords[id]
    if known?.hasGoneSince ?? false { return turnAway(connection, "Agent has been marked gone") }
    var record = known ?? RegistryAgent()
    record.info = call.agentInfo
    record.info.id.value = id
    record.clearUnreachableSince()
    let wasUnreachable = known?.hasUnreachableSince ?? false
    let admit = { (core: MasterCore) in
      if core.isDown(call) {
        if known == nil, core.agents[id] == nil, core.agentRecords[id] != nil { core.setRecord(of: id, to: nil) }
        return core.turnAway(connection, Self.machineIsDown)
      }
      if core.agentRecords[id]?.hasGoneSince ?? true {
        return core.turnAway(connection, "Agent has been marked gone")
      }
      // Its time may have run out while the disk was busy.
      if core.agentRecords[id]?.hasUnreachableSince ?? false { return core.subscribe(call, from: connection) }
      core.admit(call, id, totals, connection, wasUnreachable: wasUnreachable)
    }
    if record == known {
      // What is known of it may still be on its way to the disk: an empty write waits its turn behind that.
      return waitingForWrite.isEmpty ? admit(self) : persist([], then: admit)
    }
    agentRecords[id] = record
    persist([.put(.agent, id, record)], then: admit)
  }

  private static let machineIsDown = "Machine is `DOWN`"

  private func makeAgentID() -> String {
    defer { nextAgentNumber += 1 }
    return "\(configuration.id)-S\(nextAgentNumber)"
  }

  /// An agent that may not come back ends its tasks and itself.
  private func turnAway(_ connection: ConnectionID, _ reason: String) {
    effects.append(.openAgent(connection))
    effects.append(.sendAgent(connection, .with { $0.shutdown.message = reason }))
    effects.append(.close(connection))
  }

  /// Changes what the registry holds of an agent; nil forgets it. Does not wait for the disk: for what may be found out
  /// once more after a crash, or what `then` waits for.
  func setRecord(of id: String, to record: RegistryAgent?, then: @escaping (MasterCore) -> Void = { _ in }) {
    agentRecords[id] = record
    if record.map({ $0.hasUnreachableSince || $0.hasGoneSince }) ?? true { awaitedAgents.remove(id) }
    persist([record.map { .put(.agent, id, $0) } ?? .delete(.agent, id)], then: then)
  }

  /// Admitted by an earlier master, and not seen yet (protocol fact 92).
  func isRecovered(_ id: String) -> Bool { awaitedAgents.contains(id) }

  var recoveredAgents: [MesosAgentInfo] { awaitedAgents.sorted().compactMap { agentRecords[$0]?.info } }

  /// Agents of an earlier master had their time to come back.
  func recoveryTimedOut() {
    for id in awaitedAgents.sorted() {
      guard var record = agentRecords[id] else { continue }
      log(.warning, "Agent \(id) (\(record.info.hostname)) did not come back to this master in time: unreachable")
      metrics.agentsLostWithTheMasterBefore += 1
      record.unreachableSince = now.epochSeconds
      setRecord(of: id, to: record)
      tellFailure(of: id)
    }
  }

  /// With quotas set, nothing is offered after a restart until most agents are back or had their time: what guarantees
  /// need could otherwise be given away (protocol fact 93).
  var isHoldingOffers: Bool {
    guard !awaitedAgents.isEmpty, !quotas.isEmpty else { return false }
    return agents.count * 5 < expectedAgentCount * 4
  }

  /// Forgets agents that have been unreachable or gone for long, or that are too many.
  func forgetOldAgents() {
    let lost = agentRecords.compactMap { id, record -> (since: Double, id: String)? in
      guard record.hasUnreachableSince || record.hasGoneSince else { return nil }
      return (record.hasGoneSince ? record.goneSince : record.unreachableSince, id)
    }.sorted { $0 < $1 }
    let oldest = now.epochSeconds - configuration.lostAgentAgeSeconds
    let excess = lost.count - configuration.lostAgentLimit
    for (index, agent) in lost.enumerated() where agent.since < oldest || index < excess {
      setRecord(of: agent.id, to: nil)
      condemned[agent.id] = nil
    }
    timers.add(.forgetting, at: now.monotonicNs + MasterConfiguration.forgettingIntervalNs)
  }

  func tellFailure(of agent: String) {
    var event = SchedulerEvent()
    event.type = .failure
    event.failure.agentID.value = agent
    for framework in inOrder(frameworks) where framework.stream != nil { send(event, to: framework) }
  }
}
