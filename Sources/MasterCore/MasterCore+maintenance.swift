import Wire

/// Planned maintenance of machines: docs/maintenance.md of Mesos says what each call means.
///
/// `plannedMaintenance` is what the registry will hold when the writes under way are done, so that calls in quick
/// succession are judged by what they will find; `maintenance` is what holds.
extension MasterCore {
  func updateSchedule(_ schedule: MesosMaintenanceSchedule, from connection: ConnectionID) {
    if let problem = plannedMaintenance.problem(replacingBy: schedule) { return respond(connection, 400, problem) }
    change(from: connection) { $0.setSchedule(schedule) }
  }

  /// The agents on the machines end, and may not come back until the machines are brought up.
  func startMaintenance(of machines: [MesosMachineID], from connection: ConnectionID) {
    let problem = plannedMaintenance.problem(of: machines, notIn: .draining, "brought down", isKnown: hasAgent)
    if let problem { return respond(connection, 400, problem) }
    change(from: connection) {
      $0.takeDown(machines)
    } then: { core in
      let reason = "Operator initiated 'Machine DOWN'"
      for agent in core.agents(on: Set(machines.map(Machine.init))) {
        core.send(.with { $0.shutdown.message = reason }, to: agent)
        core.remove(agent, reason)
      }
    }
  }

  func stopMaintenance(of machines: [MesosMachineID], from connection: ConnectionID) {
    let problem = plannedMaintenance.problem(of: machines, notIn: .down, "brought up", isKnown: hasAgent)
    if let problem { return respond(connection, 400, problem) }
    change(from: connection) { $0.bringUp(machines) }
  }

  private func change(
    from connection: ConnectionID, _ body: (inout Maintenance) -> Void, then: @escaping (MasterCore) -> Void = { _ in }
  ) {
    body(&plannedMaintenance)
    let next = plannedMaintenance
    persist(next.changes) { core in
      core.take(next)
      then(core)
      core.respond(connection, 200)
    }
  }

  /// Frameworks learn of a changed unavailability from new offers and inverse offers. What did not change is left alone,
  /// where Mesos takes back the offers of all agents.
  private func take(_ next: Maintenance) {
    let changed = next.machinesChanged(from: maintenance)
    maintenance = next
    if changed.isEmpty { return }
    for agent in agents(on: changed) {
      log(
        .info,
        "Agent \(agent.id) (\(agent.info.hostname)) \(unavailability(of: agent) == nil ? "is no longer" : "is") "
          + "scheduled to be unavailable")
      for number in agent.offers.sorted() { offers[number].map(rescind) }
      forgetInverseOffers(on: agent)
      considerInverseOffers(on: agent)
    }
  }

  func unavailability(of agent: Agent) -> MesosUnavailability? {
    maintenance.isEmpty ? nil : maintenance.unavailabilities[agent.machine]
  }

  func isDown(_ call: AgentCall.Subscribe) -> Bool {
    !maintenance.down.isEmpty
      && maintenance.down.contains(Machine(hostname: call.agentInfo.hostname, address: call.address))
  }

  private func agents(on machines: Set<Machine>) -> [Agent] {
    agents.values.filter { machines.contains($0.machine) }.sorted { $0.id < $1.id }
  }

  private func hasAgent(on machine: Machine) -> Bool { agents.values.contains { $0.machine == machine } }
}
