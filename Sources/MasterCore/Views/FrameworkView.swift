import Resources
import Wire

extension FrameworkSnapshot {
  /// Protocol fact 147.
  var view: ViewValue {
    summary.adding([
      "user": .text(info.user), "failover_timeout": .number(info.failoverTimeout),
      "checkpoint": .boolean(info.checkpoint), "registered_time": .number(registeredTime),
      "reregistered_time": .of(reregisteredTime), "unregistered_time": .number(unregisteredTime ?? 0),
      "principal": info.hasPrincipal ? .text(info.principal) : .absent,
      "resources": ResourcesView.summary(used + offered),
      "role": info.isMultiRole ? .absent : .of(roles.first),
      "roles": info.isMultiRole ? .list(roles.map { .text($0) }) : .absent,
      "labels": info.hasLabels ? info.labels.view : .absent, "tasks": .list(tasks.map(\.view)),
      "unreachable_tasks": .list(unreachableTasks.map(\.view)), "completed_tasks": .list(completedTasks.map(\.view)),
      "executors": .list(executors.map(\.view)),
      "offers": .list(
        offers.map { offer in
          [
            "id": .text(offer.id), "framework_id": .text(info.id.value), "slave_id": .text(offer.agentID),
            "allocation_info": ["role": .text(offer.role)], "resources": ResourcesView.summary(offer.resources),
          ]
        }), "offer_constraints": [:],
    ])
  }

  /// What /state-summary shares with /frameworks.
  var summary: ViewValue {
    [
      "id": .text(info.id.value), "name": .text(info.name), "used_resources": ResourcesView.summary(used),
      "offered_resources": ResourcesView.summary(offered), "hostname": .text(info.hostname),
      "webui_url": .text(info.webuiURL), "active": .boolean(isConnected), "connected": .boolean(isConnected),
      "recovered": .boolean(isRecovered), "capabilities": .list(info.capabilities.map { .text($0.type.protocolName) }),
    ]
  }

  var used: Resources {
    var sum = Resources()
    for task in tasks where !task.state.isTerminal { sum += task.resources }
    for executor in executors { sum += executor.resources }
    return sum
  }

  var offered: Resources { offers.reduce(Resources()) { $0 + $1.resources } }
}

extension ExecutorSnapshot {
  fileprivate var view: ViewValue {
    [
      "executor_id": .text(info.executorID.value), "name": .text(info.name),
      "framework_id": .text(info.frameworkID.value),
      "slave_id": .text(agentID), "source": .text(info.source), "resources": ResourcesView.summary(resources),
      "labels": info.hasLabels ? info.labels.view : .absent,
    ]
  }
}

extension MesosFrameworkInfo {
  var isMultiRole: Bool { capabilityTypes.contains(.multiRole) }
}
