import Resources
import Wire

/// What the operator API and its stream show of tasks, agents, frameworks and operations.

extension MasterTask {
  /// Shows what the last status forwarded was, too (protocol fact 83).
  var message: MesosTask {
    var task = MesosTask()
    task.name = name
    task.taskID.value = id
    task.frameworkID.value = frameworkID
    if let executorID { task.executorID.value = executorID }
    task.agentID.value = agentID
    task.state = state
    task.resources = resources.wire(.stack)
    task.statuses = statuses.map(\.message)
    if let forwardedUUID {
      task.statusUpdateState = forwardedState
      task.statusUpdateUuid = .init(forwardedUUID)
    }
    if let extras { extras.fill(&task) }
    return task
  }
}

extension MasterTask.Extras {
  fileprivate func fill(_ task: inout MesosTask) {
    if let labels { task.labels = labels }
    if let discovery { task.discovery = discovery }
    if let container { task.container = container }
    if let healthCheck { task.healthCheck = healthCheck }
    if let killPolicy { task.killPolicy = killPolicy }
    if let user { task.user = user }
    task.limits = limits.mapValues { limit in .with { $0.value = limit } }
  }
}

extension AgentSnapshot {
  var machine: Machine { Machine(hostname: info.hostname, address: address) }

  /// - Parameter used: what tasks and executors hold on it, allocated to their roles.
  func message(used: Resources, offered: Resources) -> MesosMasterResponse.GetAgents.Agent {
    var agent = MesosMasterResponse.GetAgents.Agent()
    agent.agentInfo = info
    agent.active = isActive && !isDeactivated
    agent.deactivated = isDeactivated
    agent.version = version
    agent.pid = "slave(1)@\(address)"
    agent.registeredTime.set(registeredTime)
    if let reregisteredTime { agent.reregisteredTime.set(reregisteredTime) }
    agent.totalResources = total.wire(.both)
    agent.allocatedResources = used.wire(.both)
    agent.offeredResources = offered.wire(.both)
    agent.capabilities = Self.capabilityTypes.map { type in .with { $0.type = type } }
    if let drain { agent.drainInfo = drain }
    return agent
  }
}

extension FrameworkSnapshot {
  /// - Parameter agent: the agent of an offer.
  func message(agent: (String) -> AgentSnapshot?) -> MesosMasterResponse.GetFrameworks.Framework {
    var framework = bareMessage
    framework.offers = offers.compactMap { offer in
      agent(offer.agentID).map { offer.message(of: info.id.value, on: $0) }
    }
    framework.inverseOffers = inverseOffers.compactMap { offer in
      agent(offer.agentID).map {
        MesosInverseOffer(offer.id, to: info.id.value, on: $0.info, at: $0.address, offer.unavailability)
      }
    }
    framework.allocatedResources = used.wire(.both)
    framework.offeredResources = offered.wire(.both)
    return framework
  }

  /// Without what it holds, which the stream tells by tasks and which takes long to add up.
  var bareMessage: MesosMasterResponse.GetFrameworks.Framework {
    var framework = MesosMasterResponse.GetFrameworks.Framework()
    framework.frameworkInfo = info
    framework.active = isConnected
    framework.connected = isConnected
    framework.recovered = isRecovered
    framework.registeredTime.set(registeredTime)
    // Mesos shows the first time as both.
    framework.reregisteredTime.set(reregisteredTime ?? registeredTime)
    if let unregisteredTime { framework.unregisteredTime.set(unregisteredTime) }
    framework.offerConstraints = offerConstraints
    return framework
  }
}

extension OfferSnapshot {
  fileprivate func message(of framework: String, on agent: AgentSnapshot) -> MesosOffer {
    var offer = MesosOffer(
      id, to: framework, on: agent.info, at: agent.address, executors: (agent.executors[framework] ?? [:]).keys,
      unavailability: agent.unavailability)
    offer.resources = resources.wire(.stack)
    offer.allocationInfo.role = role
    return offer
  }
}

extension ExecutorSnapshot {
  var message: MesosMasterResponse.GetExecutors.Executor {
    .with {
      $0.executorInfo = info
      $0.agentID.value = agentID
    }
  }
}

extension MasterOperation {
  var message: MesosOperation {
    var operation = MesosOperation()
    if let frameworkID { operation.frameworkID.value = frameworkID }
    operation.agentID.value = agentID
    operation.info = info
    operation.latestStatus = status
    operation.statuses = [status]
    operation.uuid.value = .init(uuid.bytes)
    return operation
  }
}

extension MesosTimeInfo {
  fileprivate mutating func set(_ epochSeconds: Double) { nanoseconds = Int64(epochSeconds * 1e9) }
}
