import Resources
import Wire

extension MasterCore {
  /// What an ACCEPT works on.
  struct Acceptance {
    let framework: Framework
    let agent: Agent
    let role: String
    /// What is left of the offers; allocated to `role`.
    var remaining: Resources
    /// Shared volumes of the offers: any number of tasks may use each.
    var shared = Resources()

    /// What a task may use.
    var available: Resources {
      shared.isEmpty ? remaining : remaining.filter { !$0.isShared } + shared
    }
  }

  /// Protocol facts 52 to 59.
  func accept(_ call: SchedulerCall.Accept, of framework: Framework) {
    for operation in call.operations { framework.metrics.operations[operation.type, default: 0] += 1 }
    if call.operations.contains(where: { $0.launchedTasks != nil }) { metrics.launchCalls += 1 }
    let named = call.offerIds.map { (id: $0.value, offer: offer($0.value)) }
    if let problem = problem(of: named, of: framework) {
      for (_, offer) in named { offer.map { if $0.framework === framework { giveUp($0, call.filters) } } }
      return refuse(call, of: framework, "with invalid offers: \(problem)")
    }
    guard let first = named.first?.offer else { return }
    var acceptance = Acceptance(framework: framework, agent: first.agent, role: first.role, remaining: Resources())
    for (_, offer) in named {
      guard let offer else { continue }
      remove(offer)
      acceptance.remaining += offer.resources
    }
    acceptance.shared = acceptance.remaining.shared
    let offered = acceptance.remaining
    metrics.offersAccepted += named.count
    framework.metrics.offersAccepted += named.count
    if acceptance.agent.stream == nil {
      drop(call, of: framework, .agentDisconnected, "Agent disconnected")
    } else {
      for operation in call.operations { apply(operation, to: &acceptance) }
    }
    // Protocol fact 49: what an operation has made was never offered, so nothing says that it is unwanted.
    let converted = acceptance.remaining - offered
    ledger.recover(converted, agent: acceptance.agent.slot, framework: framework.slot)
    recover(acceptance.remaining - converted, agent: acceptance.agent, framework: framework, refusing: call.filters)
  }

  private func giveUp(_ offer: Offer, _ filters: MesosFilters) {
    guard offers[offer.number] != nil else { return }
    remove(offer)
    recover(offer.resources, agent: offer.agent, framework: offer.framework, refusing: filters)
  }

  private func problem(of named: [(id: String, offer: Offer?)], of framework: Framework) -> String? {
    if named.isEmpty { return "No offers specified" }
    var seen: Set<String> = []
    for (id, _) in named where !seen.insert(id).inserted { return "Duplicate offer \(id) in offer list" }
    for (id, offer) in named {
      guard let offer, offer.framework === framework else { return "Offer \(id) is no longer valid" }
    }
    guard let first = named.first, let expected = first.offer else { return nil }
    for (id, offer) in named.dropFirst() {
      guard let offer else { continue }
      if offer.agent !== expected.agent {
        return "Aggregated offers must belong to one single agent. Offer \(id) uses agent \(offer.agent.id) "
          + "and offer \(first.id) uses agent \(expected.agent.id)"
      }
      if offer.role != expected.role {
        return "Aggregated offers must be allocated to the same role. Offer \(id) uses role \(offer.role) "
          + "and offer \(first.id) uses role \(expected.role)"
      }
    }
    return nil
  }

  /// Nothing of a call runs that makes no sense: each task and each operation with an id is told so.
  private func refuse(_ call: SchedulerCall.Accept, of framework: Framework, _ problem: String) {
    for operation in call.operations {
      if let tasks = operation.launchedTasks {
        drop(tasks, of: framework, .invalidOffers, "Task launched \(problem)")
      } else {
        fail(operation, of: framework, .operationError, "Operation attempted \(problem)")
      }
    }
  }

  /// Nothing of a call runs that came too late.
  private func drop(
    _ call: SchedulerCall.Accept, of framework: Framework, _ reason: MesosTaskStatus.Reason, _ message: String
  ) {
    for operation in call.operations {
      if let tasks = operation.launchedTasks {
        drop(tasks, of: framework, reason, message)
      } else {
        fail(operation, of: framework, .operationDropped, message)
      }
    }
  }

  private func drop(
    _ tasks: [MesosTaskInfo], of framework: Framework, _ reason: MesosTaskStatus.Reason, _ message: String
  ) {
    for task in tasks { tell(framework, task, framework.state(ifAware: .taskDropped), reason, message) }
  }

  private func apply(_ operation: MesosOffer.Operation, to acceptance: inout Acceptance) {
    switch operation.type {
    case .launch: launch(operation, &acceptance)
    case .launchGroup: launchGroup(operation, &acceptance)
    case .unknown:
      log(.warning, "Ignored an operation of unknown type of framework \(acceptance.framework.id)")
    case .createDisk, .destroyDisk:
      // Only disks of resource providers can be made and removed.
      fail(
        operation, of: acceptance.framework, .operationError,
        "'source' is not managed by a resource provider; on agent \(acceptance.agent)")
    case .reserve, .unreserve, .create, .destroy, .growVolume, .shrinkVolume: convert(operation, &acceptance)
    }
  }

  /// Protocol fact 54: only an operation with an id is told of.
  func fail(
    _ operation: MesosOffer.Operation, of framework: Framework, _ state: MesosOperationState, _ message: String
  ) {
    log(.warning, "Dropped operation \(operation.type) of framework \(framework.id): \(message)")
    metrics.count(state, of: operation.type)
    guard operation.hasID else { return }
    var status = MesosOperationStatus()
    status.operationID = operation.id
    status.state = state
    status.message = message
    send(.operation(status), to: framework)
  }

  /// Tells a framework of a task that does not come to be. Made by the master: no uuid (protocol fact 66).
  func tell(
    _ framework: Framework, _ task: MesosTaskInfo, _ state: MesosTaskState, _ reason: MesosTaskStatus.Reason,
    _ message: String
  ) {
    var status = MesosTaskStatus()
    status.taskID = task.taskID
    status.agentID = task.agentID
    status.state = state
    status.source = .master
    status.reason = reason
    status.message = message
    status.timestamp = now.epochSeconds
    count(status, of: framework)
    send(.update(status), to: framework)
  }
}

extension MesosOffer.Operation {
  /// nil for an operation on resources.
  fileprivate var launchedTasks: [MesosTaskInfo]? {
    switch type {
    case .launch: launch.taskInfos
    case .launchGroup: launchGroup.taskGroup.tasks
    default: nil
    }
  }
}

extension SchedulerEvent {
  static func update(_ status: MesosTaskStatus) -> SchedulerEvent {
    var event = SchedulerEvent()
    event.type = .update
    event.update.status = status
    return event
  }
}
