import Resources
import Wire

extension MasterCore {
  /// The stream of a framework broke: its offers are withdrawn and it has its failover timeout to come back (protocol
  /// fact 37).
  func disconnected(_ framework: Framework) {
    guard let stream = framework.stream else { return }
    frameworkOfStream[stream] = nil
    framework.connection = .disconnected
    framework.generation += 1
    ledger.setActive(false, framework: framework.slot)
    for number in framework.offers.sorted() { offers[number].map(withdraw) }
    withdrawInverseOffers(of: framework)
    let timeout = framework.failoverTimeoutNs
    log(.info, "Framework \(framework.id) disconnected; it has \(timeout / Nanoseconds.millisecond) ms to come back")
    awaitFailover(of: framework, for: timeout)
  }

  func awaitFailover(of framework: Framework, for timeout: Int64) {
    let (deadline, overflow) = now.monotonicNs.addingReportingOverflow(timeout)
    // 292 years: for ever.
    if overflow { return }
    timers.add(.failover(framework: framework.id, generation: framework.generation), at: deadline)
  }

  func failoverTimedOut(_ id: String, _ generation: UInt64) {
    guard let framework = frameworks[id], framework.generation == generation else { return }
    log(.info, "Framework \(id) did not come back in time")
    remove(framework)
  }

  /// A framework ends, by its own TEARDOWN, by an operator or by its absence: its executors are shut down, its stream
  /// ends and its id is never taken again (protocol fact 39).
  func remove(_ framework: Framework) {
    log(.info, "Framework \(framework.id) (\(framework.info.name)) is removed")
    for number in framework.offers.sorted() { offers[number].map(withdraw) }
    withdrawInverseOffers(of: framework)
    inverseOffers.remove(framework: framework.id)
    for id in framework.agents.sorted() {
      guard let agent = agents[id] else { continue }
      removeEverything(of: framework, on: agent)
      var event = AgentEvent()
      event.shutdownFramework.frameworkID.value = framework.id
      send(event, to: agent)
    }
    for var task in framework.tasks.values.sorted(by: { $0.id < $1.id }) {
      if !task.state.isTerminal { kill(&task, of: framework) }
      framework.completedTasks.append(task)
    }
    framework.tasks = [:]
    framework.unregisteredTime = now.epochSeconds
    if let stream = framework.stream {
      frameworkOfStream[stream] = nil
      effects.append(.close(stream))
    }
    framework.connection = .disconnected
    framework.generation += 1
    for (id, frameworks) in condemned.sorted(by: { $0.key < $1.key }) where frameworks[framework.id] != nil {
      if let agent = agents[id] { releaseCondemned(on: agent, of: framework) }
      condemned[id]?[framework.id] = nil
    }
    ledger.removeFramework(framework.slot)
    frameworks[framework.id] = nil
    frameworkOfSlot[framework.slot] = nil
    tellRemoved(framework)
    completedFrameworkIDs.insert(framework.id)
    if let forgotten = completedFrameworks.append(FrameworkSnapshot(framework)) {
      completedFrameworkIDs.remove(forgotten.info.id.value)
    }
  }

  /// Only subscribers are left to be told.
  private func kill(_ task: inout MasterTask, of framework: Framework) {
    var status = MesosTaskStatus()
    status.taskID.value = task.id
    status.agentID.value = task.agentID
    if let executor = task.executorID { status.executorID.value = executor }
    status.state = .taskKilled
    status.source = .master
    status.reason = .frameworkRemoved
    status.message = "Framework \(framework.id) removed"
    status.timestamp = now.epochSeconds
    if task.record(status, latest: .taskKilled) { tellUpdated(status, of: framework, state: task.state) }
  }

  /// Takes back all that a framework holds on an agent.
  private func removeEverything(of framework: Framework, on agent: Agent) {
    for id in agent.tasks.removeValue(forKey: framework.id) ?? [] {
      guard let task = framework.tasks[id], !task.state.isTerminal else { continue }
      ledger.recover(task.resources, agent: agent.slot, framework: framework.slot)
    }
    for executor in (agent.executors.removeValue(forKey: framework.id) ?? [:]).values {
      ledger.recover(executor.resources, agent: agent.slot, framework: framework.slot)
    }
  }

  func teardown(_ id: String, from connection: ConnectionID) {
    guard let framework = frameworks[id] else {
      return respond(connection, 400, "No framework found with specified ID")
    }
    remove(framework)
    respond(connection, 200)
  }
}
