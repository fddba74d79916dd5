import Resources
import Wire

/// Operations that convert resources: the master takes their success for granted in its own books, and has the agent
/// make them last (protocol facts 54, 57 and 58).
extension MasterCore {
  /// One operation of an ACCEPT. What it makes is there for those after it.
  func convert(_ message: MesosOffer.Operation, _ acceptance: inout Acceptance) {
    do {
      guard let operation = try read(message, in: acceptance.role) else { return }
      let remaining = try check(operation, message, acceptance)
      apply(operation, message, to: &acceptance, leaving: remaining)
    } catch {
      fail(message, of: acceptance.framework, .operationError, error.description)
    }
  }

  private func read(
    _ message: MesosOffer.Operation, in role: String
  ) throws(ResourceError) -> ResourceOperation? {
    let operation: ResourceOperation?
    do { operation = try ResourceOperation(wire: message)?.allocated(to: role) } catch {
      throw ResourceError("Operation attempted with invalid resources: \(error)")
    }
    if case .reserve(_, let source)? = operation, !source.isEmpty {
      // Protocol fact 57.
      throw ResourceError(
        "Operation attempted with invalid resources: Reservation updates are not yet "
          + "implemented for the scheduler API.")
    }
    return operation
  }

  /// What is left of the offers after the operation.
  private func check(
    _ operation: ResourceOperation, _ message: MesosOffer.Operation, _ acceptance: Acceptance
  ) throws(ResourceError) -> Resources {
    let framework = acceptance.framework
    let agent = acceptance.agent
    if message.hasID {
      if let problem = Identifier.problem(message.id.value) { throw ResourceError("Invalid operation ID: \(problem)") }
      if operations.operation(message.id.value, of: framework.id) != nil {
        throw ResourceError(
          "Operation ID '\(message.id.value)' is that of an operation whose status is yet to be acknowledged")
      }
    }
    let requester = OperationRequester.framework(
      id: framework.id, roles: framework.roles,
      principal: framework.info.hasPrincipal ? framework.info.principal : nil,
      takesShared: framework.has(.sharedResources))
    do {
      try operation.validate(by: requester, agent: agent.totals, used: used(on: agent))
    } catch {
      throw ResourceError("\(error); on agent \(agent)")
    }
    rescindOffers(of: operation.destroyedVolumes, on: agent)
    do {
      let remaining = try acceptance.remaining.applying(operation.conversions)
      _ = try agent.totals.applying(operation.unallocated().conversions)
      return remaining
    } catch {
      switch operation {
      case .growVolume, .shrinkVolume: throw ResourceError("Invalid \(operation.name) operation: \(error)")
      default: throw error
      }
    }
  }

  private func apply(
    _ operation: ResourceOperation, _ message: MesosOffer.Operation, to acceptance: inout Acceptance,
    leaving remaining: Resources
  ) {
    let framework = acceptance.framework
    let agent = acceptance.agent
    // Held by the framework before and after; in between the agent has other resources.
    ledger.recover(acceptance.remaining, agent: agent.slot, framework: framework.slot)
    acceptance.remaining = remaining
    acceptance.shared = remaining.shared
    commit(operation, id: message.hasID ? message.id : nil, of: framework.id, on: agent)
    ledger.allocate(remaining, agent: agent.slot, framework: framework.slot)
    log(.info, "Applied \(operation.name) of framework \(framework.id) to agent \(agent.id)")
  }

  /// Converts what an agent has, here and on the agent.
  func commit(_ operation: ResourceOperation, id: MesosOperationID?, of framework: String?, on agent: Agent) {
    let operation = operation.unallocated()
    guard let totals = try? agent.totals.applying(operation.conversions) else { return }
    agent.totals = totals
    ledger.setTotal(totals, of: agent.slot, keepingFilters: true)
    var info = MesosOffer.Operation(operation)
    if let id { info.id = id }
    let uuid = OperationUUID(using: &generator)
    var status = MesosOperationStatus()
    if let id { status.operationID = id }
    status.state = .operationPending
    status.agentID.value = agent.id
    operations.add(uuid, agent: agent.id, framework: framework, info: info, status: status)
    var event = AgentEvent()
    event.applyOperation.uuid = .init(uuid.bytes)
    if let framework { event.applyOperation.frameworkID.value = framework }
    event.applyOperation.info = info
    send(event, to: agent)
  }

  /// A volume that ends must not be offered any more; the offers that hold a copy of a shared one are taken back.
  func rescindOffers(of volumes: [Resource], on agent: Agent) {
    guard !volumes.isEmpty else { return }
    let volumes = Resources(volumes).unallocated()
    for number in agent.offers.sorted() {
      guard let offer = offers[number] else { continue }
      let offered = offer.resources.unallocated()
      if volumes.contains(where: { offered.contains(Resources($0)) }) { rescind(offer) }
    }
  }

  /// What tasks and executors hold on an agent, unallocated.
  func used(on agent: Agent) -> Resources {
    var used = Resources()
    for (id, tasks) in agent.tasks {
      guard let framework = frameworks[id] else { continue }
      for task in tasks {
        guard let task = framework.tasks[task], !task.state.isTerminal else { continue }
        used += task.resources.unallocated()
      }
    }
    for executor in agent.executors.values.flatMap(\.values) { used += executor.resources.unallocated() }
    return used
  }
}

extension Agent: CustomStringConvertible {
  /// As in Mesos' texts.
  var description: String { "\(id) at slave(1)@\(address) (\(info.hostname))" }
}
