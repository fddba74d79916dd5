import Resources
import Wire

extension MesosMasterCall {
  /// The operation on an agent's resources that a call asks for; nil for other calls.
  fileprivate var operation: (agent: String, message: MesosOffer.Operation)? {
    var message = MesosOffer.Operation()
    switch type {
    case .reserveResources:
      message.type = .reserve
      message.reserve.resources = reserveResources.resources
      message.reserve.source = reserveResources.source
      return (reserveResources.agentID.value, message)
    case .unreserveResources:
      message.type = .unreserve
      message.unreserve.resources = unreserveResources.resources
      return (unreserveResources.agentID.value, message)
    case .createVolumes:
      message.type = .create
      message.create.volumes = createVolumes.volumes
      return (createVolumes.agentID.value, message)
    case .destroyVolumes:
      message.type = .destroy
      message.destroy.volumes = destroyVolumes.volumes
      return (destroyVolumes.agentID.value, message)
    case .growVolume:
      message.type = .growVolume
      message.growVolume.volume = growVolume.volume
      message.growVolume.addition = growVolume.addition
      return (growVolume.agentID.value, message)
    case .shrinkVolume:
      message.type = .shrinkVolume
      message.shrinkVolume.volume = shrinkVolume.volume
      message.shrinkVolume.subtract = shrinkVolume.subtract
      return (shrinkVolume.agentID.value, message)
    default: return nil
    }
  }
}

/// Operators reserve, make volumes and undo both on what nobody uses (protocol facts 117 and 118).
extension MasterCore {
  func operate(_ call: MesosMasterCall, from connection: ConnectionID) {
    guard let (agentID, message) = call.operation else { return respond(connection, 501) }
    let operation: ResourceOperation?
    var problem: String?
    do { operation = try ResourceOperation(wire: message) } catch {
      operation = nil
      problem = error.description
    }
    // Of reservations the resources are looked at as part of the call, of volumes only once the agent is known.
    if let problem, message.type == .reserve || message.type == .unreserve {
      return respond(connection, 400, "Failed to validate master::Call: \(problem)")
    }
    guard let agent = agents[agentID] else { return respond(connection, 400, "No agent found with specified ID") }
    if let problem { return respond(connection, 400, problem) }
    guard let operation else { return respond(connection, 501) }
    do {
      try operation.validate(by: .operator(principal: nil), agent: agent.totals, used: used(on: agent))
    } catch {
      let place = message.type == .unreserve || message.type == .destroy ? "" : " on agent \(agent)"
      return respond(connection, 400, "Invalid \(operation.name) operation\(place): \(error)")
    }
    operate(operation, on: agent, from: connection)
  }

  private func operate(_ operation: ResourceOperation, on agent: Agent, from connection: ConnectionID) {
    guard agent.stream != nil else {
      return respond(connection, 409, "Agent \(agent) is disconnected")
    }
    if let problem = free(operation, on: agent) { return respond(connection, 409, problem) }
    commit(operation, id: nil, of: nil, on: agent)
    log(.info, "Applied \(operation.name) of an operator to agent \(agent.id)")
    respond(connection, 202)
  }

  /// Sees to it that nobody holds what an operation needs: offers that do are taken back, as few as will do. When all of
  /// them would not be enough none is, and the answer is what is wrong.
  private func free(_ operation: ResourceOperation, on agent: Agent) -> String? {
    let held = agent.offers.sorted().compactMap { offers[$0] }
    let free = ledger.free(on: agent.slot)
    let all = held.reduce(into: free) { $0 += $1.resources.unallocated().filter { !$0.isShared } }
    do { _ = try all.applying(operation.conversions) } catch { return error.description }
    rescindOffers(of: operation.destroyedVolumes, on: agent)
    for offer in held where offers[offer.number] != nil {
      let free = ledger.free(on: agent.slot)
      if (try? free.applying(operation.conversions)) != nil { break }
      let missing = free.missing(of: operation.consumed)
      // One that has nothing of what is missing stays.
      if missing - offer.resources.unallocated() != missing { rescind(offer) }
    }
    return nil
  }
}
