import Wire

/// Taking agents out of use: deactivating, draining, declaring gone.
extension MasterCore {
  /// Agents are offered while they are connected, on the whitelist, and nobody takes them out of use.
  func refreshActivity(_ agent: Agent) {
    let isListed = whitelist?.contains(agent.info.hostname) ?? true
    let isOffered = agent.stream != nil && isListed && !isDeactivated(agent.id)
    ledger.setActive(isOffered, agent: agent.slot)
    if !isOffered { for number in agent.offers.sorted() { offers[number].map(rescind) } }
    if agent.stream == nil || isDeactivated(agent.id) {
      rescindInverseOffers(on: agent)
    } else {
      considerInverseOffers(on: agent)
    }
  }

  /// From now on only agents on these hosts are offered; nil is for all. What runs on others goes on.
  func setWhitelist(_ hosts: Set<String>?) {
    guard hosts != whitelist else { return }
    whitelist = hosts
    log(.info, hosts.map { "Agents on \($0.count) hosts of the whitelist are offered" } ?? "All agents are offered")
    for agent in inOrder(agents) { refreshActivity(agent) }
  }

  /// A draining agent is deactivated, too.
  func isDeactivated(_ id: String) -> Bool {
    agentRecords[id].map { $0.deactivated || $0.hasDrain } ?? false
  }

  /// Protocol fact 122. Its tasks are killed, and it is drained when none is left.
  func drain(_ call: MesosMasterCall.DrainAgent, from connection: ConnectionID) {
    let id = call.agentID.value
    guard var record = recordForChange(id) else { return respond(connection, 400, "Unknown agent") }
    record.deactivated = true
    record.drain.state = .draining
    record.drain.config.markGone = call.markGone
    if call.hasMaxGracePeriod {
      guard let grace = call.maxGracePeriod.nanoseconds, grace >= 0 else {
        return respond(connection, 400, "'DrainAgent.max_grace_period' must be a non-negative duration")
      }
      record.drain.config.maxGracePeriod.nanoseconds = grace
    }
    setRecord(of: id, to: record) { core in
      core.log(.info, "Agent \(id) is to be drained")
      if let agent = core.agents[id] {
        core.refreshActivity(agent)
        core.killForDrain(agent)
      }
      core.draining.insert(id)
      core.respond(connection, 200)
    }
  }

  /// Kills what runs on a draining agent. Done again when it comes back: it may have missed it.
  func killForDrain(_ agent: Agent) {
    guard let record = agentRecords[agent.id], record.hasDrain, record.drain.state == .draining else { return }
    for (id, tasks) in agent.tasks.sorted(by: { $0.key < $1.key }) {
      for task in tasks.sorted() {
        guard let task = frameworks[id]?.tasks[task], !task.state.isTerminal else { continue }
        var event = AgentEvent()
        event.kill.frameworkID.value = id
        event.kill.taskID.value = task.id
        if record.drain.config.hasMaxGracePeriod {
          let most = record.drain.config.maxGracePeriod.nanoseconds
          let own = task.extras?.killPolicy?.gracePeriod.nanoseconds ?? MasterConfiguration.usualKillGraceNs
          event.kill.killPolicy.gracePeriod.nanoseconds = min(most, own)
        }
        if agent.stream == nil { agent.pendingKills.append(event) } else { send(event, to: agent) }
      }
    }
  }

  /// Notes which draining agents are empty. A few agents at most, so it is looked at once a turn.
  func finishDraining() {
    for id in draining.sorted() {
      guard var record = agentRecords[id], record.hasDrain, record.drain.state == .draining else {
        draining.remove(id)
        continue
      }
      // Nothing is known of an agent that is away; it is looked at when it is back, or unreachable.
      let isAway = agents[id] == nil && !record.hasUnreachableSince
      guard !isAway, agents[id]?.tasks.isEmpty ?? true,
        !operations.operations(on: id).contains(where: { !$0.status.state.isTerminal })
      else { continue }
      draining.remove(id)
      record.drain.state = .drained
      log(.info, "Agent \(id) is drained")
      guard record.drain.config.markGone else {
        setRecord(of: id, to: record)
        continue
      }
      // In one write: a master that died between two would leave it drained for ever.
      agentRecords[id] = record
      markGone(id) { _ in }
    }
  }

  func deactivate(_ id: String, from connection: ConnectionID) {
    guard var record = recordForChange(id) else { return respond(connection, 400, "Unknown agent") }
    record.deactivated = true
    setRecord(of: id, to: record) { core in
      if let agent = core.agents[id] { core.refreshActivity(agent) }
      core.respond(connection, 200)
    }
  }

  func reactivate(_ id: String, from connection: ConnectionID) {
    guard var record = recordForChange(id), isDeactivated(id) else {
      return respond(connection, 400, "Agent is not deactivated")
    }
    if record.hasDrain, record.drain.state == .draining {
      return respond(connection, 400, "Agent is still in the DRAINING state")
    }
    record.clearDeactivated()
    record.clearDrain()
    setRecord(of: id, to: record) { core in
      if let agent = core.agents[id] { core.refreshActivity(agent) }
      core.respond(connection, 200)
    }
  }

  /// Protocol facts 90 and 118.
  func markGone(_ id: String, from connection: ConnectionID) {
    guard let record = agentRecords[id] else { return respond(connection, 404, "Agent '\(id)' not found") }
    if record.hasGoneSince { return respond(connection, 200) }
    markGone(id) { $0.respond(connection, 200) }
  }

  private func markGone(_ id: String, then: @escaping (MasterCore) -> Void) {
    guard var record = agentRecords[id], !record.hasGoneSince else { return then(self) }
    record.clearUnreachableSince()
    record.goneSince = now.epochSeconds
    setRecord(of: id, to: record) { core in
      if let agent = core.agents[id] {
        core.goneByOperator(agent)
      } else {
        core.condemned[id] = nil
        core.tellFailure(of: id)
      }
      then(core)
    }
  }

  private func recordForChange(_ id: String) -> RegistryAgent? {
    agentRecords[id].flatMap { $0.hasGoneSince ? nil : $0 }
  }
}

extension MesosMasterDuration {
  /// nil when it does not fit.
  var nanoseconds: Int64? {
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: Nanoseconds.second)
    let (sum, sumOverflow) = whole.addingReportingOverflow(Int64(nanos))
    return overflow || sumOverflow ? nil : sum
  }
}
