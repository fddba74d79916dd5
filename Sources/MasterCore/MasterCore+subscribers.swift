import Wire

/// The stream of the operator API (protocol fact 120): whoever subscribes is told the state and then what becomes of it.
extension MasterCore {
  /// The one too many pushes the oldest out.
  func subscribeOperator(_ connection: ConnectionID) {
    while subscribers.count >= max(1, configuration.subscriberLimit) {
      let oldest = subscribers.removeFirst()
      effects.append(.close(oldest))
      log(.info, "Ended the oldest of \(configuration.subscriberLimit) event streams of operators for another one")
    }
    subscribers.append(connection)
    effects.append(.openOperator(connection, capture()))
    subscriberHeartbeat(connection)
  }

  func subscriberGone(_ connection: ConnectionID) {
    subscribers.removeAll { $0 == connection }
  }

  func subscriberHeartbeat(_ connection: ConnectionID) {
    guard subscribers.contains(connection) else { return }
    effects.append(.sendOperators([connection], .with { $0.type = .heartbeat }))
    timers.add(.subscriberHeartbeat(connection), at: now.monotonicNs + configuration.heartbeatIntervalNs)
  }

  // MARK: Events

  private func tellSubscribers(_ fill: (inout MesosMasterEvent) -> Void) {
    if subscribers.isEmpty { return }
    effects.append(.sendOperators(subscribers, .with(fill)))
  }

  func tellAdded(_ task: MasterTask) {
    tellSubscribers {
      $0.type = .taskAdded
      $0.taskAdded.task = task.message
    }
  }

  /// - Parameter state: that of the task, which may be ahead of the status.
  func tellUpdated(_ status: MesosTaskStatus, of framework: Framework, state: MesosTaskState) {
    tellSubscribers {
      $0.type = .taskUpdated
      $0.taskUpdated.frameworkID.value = framework.id
      $0.taskUpdated.status = status
      // Data are the framework's and may be long; what the master shows of a status never has them.
      if status.hasData { $0.taskUpdated.status.clearData() }
      $0.taskUpdated.state = state
    }
  }

  /// What lives on the agent is told after it, task by task.
  func tellAdded(_ agent: Agent) {
    tellSubscribers {
      $0.type = .agentAdded
      $0.agentAdded.agent = capture(agent).message(used: .init(), offered: .init())
    }
  }

  func tellRemoved(_ agent: Agent) {
    tellSubscribers {
      $0.type = .agentRemoved
      $0.agentRemoved.agentID.value = agent.id
    }
  }

  func tellAdded(_ framework: Framework) {
    tellSubscribers {
      $0.type = .frameworkAdded
      $0.frameworkAdded.framework = FrameworkSnapshot(framework).bareMessage
    }
  }

  func tellUpdated(_ framework: Framework) {
    tellSubscribers {
      $0.type = .frameworkUpdated
      $0.frameworkUpdated.framework = FrameworkSnapshot(framework).bareMessage
    }
  }

  func tellRemoved(_ framework: Framework) {
    tellSubscribers {
      $0.type = .frameworkRemoved
      $0.frameworkRemoved.frameworkInfo = framework.info
    }
  }
}
