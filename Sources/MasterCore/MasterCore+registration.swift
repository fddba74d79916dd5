import Resources
import Wire

extension MasterCore {
  /// Connects an agent that the registry knows, and takes over what lives on it.
  func admit(
    _ call: AgentCall.Subscribe, _ id: String, _ totals: Resources, _ connection: ConnectionID, wasUnreachable: Bool
  ) {
    let agent: Agent
    let known = agents[id]
    if let known {
      reconnect(known, call, totals)
      agent = known
    } else {
      // Whoever was there before has lost its memory.
      if let old = agentOfAddress[call.address], old.stream == nil {
        metrics.agentRemovals[.registered, default: 0] += 1
        remove(old, "a new agent registered at the same address")
      }
      agent = addAgent(call, id, totals)
    }
    if call.agentInfo.hasID { metrics.agentReregistrations += 1 } else { metrics.agentRegistrations += 1 }
    agentOfAddress[call.address] = agent
    connect(agent, connection)
    if known == nil { tellAdded(agent) }
    restore(call, on: agent, wasUnreachable: wasUnreachable)
    for kill in agent.pendingKills { send(kill, to: agent) }
    agent.pendingKills = []
    killForDrain(agent)
  }

  private func addAgent(_ call: AgentCall.Subscribe, _ id: String, _ totals: Resources) -> Agent {
    let agent = Agent(
      id: id, slot: ledger.addAgent(id, total: totals, traits: call.agentInfo.traits), info: call.agentInfo,
      version: call.version,
      address: call.address, totals: totals, connection: .disconnected, now: now)
    agent.info.id.value = id
    if call.agentInfo.hasID { agent.reregisteredTime = now.epochSeconds }
    agents[id] = agent
    ledger.setRemote(isRemote(agent.info), agent: agent.slot)
    awaitedAgents.remove(id)
    agentOfSlot[agent.slot] = agent
    log(.info, "Agent \(id) (\(call.agentInfo.hostname)) registered with \(totals)")
    return agent
  }

  private func reconnect(_ agent: Agent, _ call: AgentCall.Subscribe, _ totals: Resources) {
    if let old = agent.stream {
      agentOfStream[old] = nil
      effects.append(.close(old))
      for number in agent.offers.sorted() { offers[number].map(rescind) }
      rescindInverseOffers(on: agent)
    }
    if agentOfAddress[agent.address] === agent { agentOfAddress[agent.address] = nil }
    agent.info = call.agentInfo
    agent.info.id.value = agent.id
    agent.version = call.version
    agent.address = call.address
    ledger.setRemote(isRemote(agent.info), agent: agent.slot)
    agent.reregisteredTime = now.epochSeconds
    ledger.setTraits(agent.info.traits, of: agent.slot)
    if totals != agent.totals {
      agent.totals = totals
      ledger.setTotal(totals, of: agent.slot)
    }
    log(.info, "Agent \(agent.id) (\(agent.info.hostname)) came back")
  }

  private func connect(_ agent: Agent, _ connection: ConnectionID) {
    effects.append(.openAgent(connection))
    agent.connection = .connected(connection)
    agent.generation += 1
    agent.pingsUnanswered = 0
    agentOfStream[connection] = agent
    refreshActivity(agent)
    var event = AgentEvent()
    event.subscribed.agentID.value = agent.id
    event.subscribed.masterInfo = configuration.masterInfo
    event.subscribed.pingIntervalSeconds = Double(configuration.agentPingIntervalNs) / 1e9
    send(event, to: agent)
    timers.add(
      .ping(agent: agent.id, generation: agent.generation), at: now.monotonicNs + configuration.agentPingIntervalNs)
  }

  /// Brings the books in line with what lives on an agent that subscribes.
  private func restore(_ call: AgentCall.Subscribe, on agent: Agent, wasUnreachable: Bool) {
    restore(call.operations, on: agent)
    restoreFrameworks(call.frameworks, on: agent)
    restoreExecutors(call.executors, on: agent)
    var alive: [String: Set<String>] = [:]
    for task in call.tasks {
      alive[task.frameworkID.value, default: []].insert(task.taskID.value)
      restore(task, on: agent, wasUnreachable: wasUnreachable)
    }
    forgetCondemned(except: alive, on: agent)
    for (id, tasks) in agent.tasks.sorted(by: { $0.key < $1.key }) {
      guard let framework = frameworks[id] else { continue }
      for task in tasks.subtracting(alive[id] ?? []).sorted() {
        // It never arrived, or it ended and the agent forgot it.
        lose(
          task, of: framework, on: agent, framework.state(ifAware: .taskDropped), .reconciliation,
          "Reconciliation: Task is unknown to the agent")
      }
    }
  }

  private func restoreFrameworks(_ infos: [MesosFrameworkInfo], on agent: Agent) {
    for info in infos {
      let id = info.id.value
      if completedFrameworkIDs.contains(id) {
        var event = AgentEvent()
        event.shutdownFramework.frameworkID.value = id
        send(event, to: agent)
      } else if let framework = frameworks[id] {
        var event = AgentEvent()
        event.updateFramework.frameworkInfo = framework.info
        send(event, to: agent)
      } else if Identifier.problem(id) == nil {
        let framework = addFramework(id, info, .recovered)
        tellAdded(framework)
        log(.info, "Framework \(id) (\(info.name)) is known from agent \(agent.id); it is yet to subscribe")
        // A framework needs time to find a new master, whatever its own timeout.
        awaitFailover(
          of: framework, for: max(framework.failoverTimeoutNs, configuration.agentReregisterTimeoutNs))
      }
    }
  }

  private func restoreExecutors(_ executors: [AgentCall.Executor], on agent: Agent) {
    for executor in executors where !executor.commandTask {
      let id = executor.executorInfo.executorID.value
      guard let framework = frameworks[executor.frameworkID.value], agent.executors[framework.id]?[id] == nil else {
        continue
      }
      guard let resources = held(executor.executorInfo.resources, by: framework, what: "executor \(id)") else {
        continue
      }
      agent.executors[framework.id, default: [:]][id] = .init(info: executor.executorInfo, resources: resources)
      framework.agents.insert(agent.id)
      ledger.allocate(resources, agent: agent.slot, framework: framework.slot)
      endCondemned(executor: id, of: framework, on: agent)
    }
  }

  private func restore(_ message: MesosTask, on agent: Agent, wasUnreachable: Bool) {
    let id = message.taskID.value
    guard let framework = frameworks[message.frameworkID.value] else {
      return log(.warning, "Ignored task \(id) of agent \(agent.id): no framework \(message.frameworkID.value)")
    }
    if let known = framework.tasks[id] {
      // Its newest state comes as an update.
      if known.agentID != agent.id { log(.warning, "Task \(id) of agent \(agent.id) is also on \(known.agentID)") }
      return
    }
    guard let resources = held(message.resources, by: framework, what: "task \(id)") else { return }
    let task = MasterTask(message, framework: framework.id, agent: agent.id, resources: resources)
    if isCondemned(id, of: framework.id, on: agent.id) {
      if !task.state.isTerminal { endCondemned(id, holding: resources, of: framework, on: agent) }
      return
    }
    let wasLost = framework.unreachableTasks.removeValue(forKey: id) != nil
    framework.tasks[id] = task
    tellAdded(task)
    framework.agents.insert(agent.id)
    agent.tasks[framework.id, default: []].insert(id)
    if !task.state.isTerminal { ledger.allocate(resources, agent: agent.slot, framework: framework.slot) }
    // Protocol fact 91.
    if wasLost || wasUnreachable || framework.stream != nil {
      tellReturn(of: task, to: framework, wasUnreachable: wasUnreachable)
    }
  }

  private func tellReturn(of task: MasterTask, to framework: Framework, wasUnreachable: Bool) {
    var status = MesosTaskStatus()
    status.taskID.value = task.id
    status.agentID.value = task.agentID
    if let executor = task.executorID { status.executorID.value = executor }
    // Not the newest state: what the agent has yet to send would then be told after it.
    status.state = task.forwardedState
    status.source = .master
    status.reason = .agentReregistered
    status.message = wasUnreachable ? "Unreachable agent re-reregistered" : "Unknown agent reregistered"
    status.timestamp = now.epochSeconds
    if let last = task.statuses.last { status.keep(last.message) }
    send(.update(status), to: framework)
  }

  /// What a task or executor that an agent brings along holds, in its role; nil if it makes no sense.
  private func held(_ messages: [MesosResource], by framework: Framework, what: String) -> Resources? {
    do {
      return Resources(
        try Resources(wire: messages).map { resource in
          var resource = resource
          if resource.allocationRole == nil { resource.allocationRole = framework.roles.first ?? Role.star }
          return resource
        })
    } catch {
      log(.error, "Ignored \(what) of framework \(framework.id), which its agent reports with bad resources: \(error)")
      return nil
    }
  }
}
