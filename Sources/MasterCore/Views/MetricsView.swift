import Resources
import Wire

extension MasterSnapshot {
  /// /metrics/snapshot: one flat object of numbers (protocol fact 152).
  public func metricsView(at now: Instant) -> ViewValue {
    var values: [String: Double] = [
      "master/uptime_secs": now.epochSeconds - startedSeconds, "master/elected": 1,
      "master/slaves_active": Double(agents.count { $0.isActive }),
      "master/slaves_inactive": Double(agents.count { !$0.isActive }),
      "master/slaves_connected": Double(agents.count { $0.isActive }),
      "master/slaves_disconnected": Double(agents.count { !$0.isActive }),
      "master/slaves_unreachable": Double(unreachableAgentCount),
      "master/frameworks_active": Double(frameworks.count { $0.isConnected }),
      "master/frameworks_connected": Double(frameworks.count { $0.isConnected }),
      "master/frameworks_disconnected": Double(frameworks.count { !$0.isConnected }),
      "master/frameworks_inactive": 0,
      "master/outstanding_offers": Double(frameworks.reduce(0) { $0 + $1.offers.count }),
    ]
    values.merge(counters) { $1 }
    values.merge(states) { $1 }
    values.merge(allocationMetrics) { $1 }
    values.merge(operationMetrics) { $1 }
    values.merge(frameworkMetrics) { $1 }
    for (name, total, used) in usage {
      values["master/\(name)_total"] = total.units
      values["master/\(name)_used"] = used.units
      values["master/\(name)_percent"] = total > .zero ? used.units / total.units : 0
    }
    return .object(values.mapValues { .number($0) })
  }

  private var counters: [String: Double] {
    var values: [String: Double] = [
      "master/tasks_launched": Double(metrics.tasksLaunched),
      "master/dropped_messages": Double(metrics.droppedMessages), "master/offers_sent": Double(metrics.offersSent),
      "master/offers_accepted": Double(metrics.offersAccepted),
      "master/offers_declined": Double(metrics.offersDeclined),
      "master/offers_rescinded": Double(metrics.offersRescinded),
      "allocator/mesos/allocation_runs": Double(metrics.allocationRuns),
      "allocator/tepui/failures": Double(metrics.allocationFailures),
      "allocator/tepui/grants_invalid": Double(metrics.grantsInvalid),
      "allocator/tepui/starvations": Double(metrics.starvations),
      "allocator/tepui/grants_refused": Double(metrics.grantsRefused),
      "master/operator_event_stream_subscribers": Double(subscriberCount),
      "master/slave_registrations": Double(metrics.agentRegistrations),
      "master/slave_reregistrations": Double(metrics.agentReregistrations),
      "master/recovery_slave_removals": Double(metrics.agentsLostWithTheMasterBefore),
      "master/slave_removals": Double(metrics.agentRemovals.values.reduce(0, +)),
      // Nothing limits the rate of these, so none waits.
      "master/slave_unreachable_scheduled": Double(metrics.agentsMarkedUnreachable),
      "master/slave_unreachable_completed": Double(metrics.agentsMarkedUnreachable),
      "master/slave_unreachable_canceled": 0,
    ]
    for reason in MasterMetrics.AgentRemoval.allCases {
      values["master/slave_removals/reason_\(reason.rawValue)"] = Double(metrics.agentRemovals[reason] ?? 0)
    }
    for state in MesosTaskState.allCases where state.isTerminal {
      values["master/" + state.counterName] = Double(metrics.taskEnds[state] ?? 0)
    }
    for (end, count) in metrics.taskEndReasons {
      let path = "\(end.state.protocolName)/source_\(end.source.protocolName)/reason_\(end.reason.protocolName)"
      values["master/\(path.lowercased())"] = Double(count)
    }
    values.merge(messages) { $1 }
    return values
  }

  /// Messages by the names of Mesos' older interface, which calls are counted under.
  private var messages: [String: Double] {
    let calls = metrics.calls
    let (acknowledged, delivered) = (calls[.acknowledge] ?? 0, calls[.message] ?? 0)
    let operationsAcknowledged = calls[.acknowledgeOperationStatus] ?? 0
    let counts: [String: Int] = [
      "messages_register_framework": metrics.frameworkRegistrations,
      "messages_reregister_framework": metrics.frameworkReregistrations,
      "messages_unregister_framework": calls[.teardown] ?? 0,
      "messages_launch_tasks": metrics.launchCalls, "messages_decline_offers": calls[.decline] ?? 0,
      "messages_revive_offers": calls[.revive] ?? 0, "messages_suppress_offers": calls[.suppress] ?? 0,
      "messages_kill_task": calls[.kill] ?? 0, "messages_resource_request": calls[.request] ?? 0,
      "messages_reconcile_tasks": calls[.reconcile] ?? 0,
      "messages_reconcile_operations": calls[.reconcileOperations] ?? 0,
      "messages_framework_to_executor": delivered,
      "valid_framework_to_executor_messages": metrics.messagesToExecutors,
      "invalid_framework_to_executor_messages": delivered - metrics.messagesToExecutors,
      "messages_executor_to_framework": metrics.messagesToFrameworks + metrics.invalidMessagesToFrameworks,
      "valid_executor_to_framework_messages": metrics.messagesToFrameworks,
      "invalid_executor_to_framework_messages": metrics.invalidMessagesToFrameworks,
      "messages_status_update": metrics.statusUpdates + metrics.invalidStatusUpdates,
      "valid_status_updates": metrics.statusUpdates, "invalid_status_updates": metrics.invalidStatusUpdates,
      "messages_status_update_acknowledgement": acknowledged,
      "valid_status_update_acknowledgements": metrics.acknowledgements,
      "invalid_status_update_acknowledgements": acknowledged - metrics.acknowledgements,
      "messages_operation_status_update": metrics.operationUpdates,
      "valid_operation_status_updates": metrics.operationUpdates, "invalid_operation_status_updates": 0,
      "messages_operation_status_update_acknowledgement": operationsAcknowledged,
      "valid_operation_status_update_acknowledgements": metrics.operationAcknowledgements,
      "invalid_operation_status_update_acknowledgements":
        operationsAcknowledged - metrics.operationAcknowledgements,
      "messages_register_slave": metrics.agentRegistrations,
      "messages_reregister_slave": metrics.agentReregistrations,
      "messages_unregister_slave": metrics.agentRemovals[.unregistered] ?? 0,
      "messages_exited_executor": metrics.executorExits,
    ]
    return Dictionary(uniqueKeysWithValues: counts.map { ("master/\($0.key)", Double($0.value)) })
  }

  private var states: [String: Double] {
    var values: [String: Double] = [
      "master/tasks_staging": 0, "master/tasks_starting": 0, "master/tasks_running": 0, "master/tasks_killing": 0,
      "master/tasks_unreachable": Double(frameworks.reduce(0) { $0 + $1.unreachableTasks.count }),
    ]
    for task in frameworks.lazy.flatMap(\.tasks) where !task.state.isTerminal {
      values["master/" + task.state.counterName, default: 0] += 1
    }
    return values
  }

  private var usage: [(name: String, total: Quantity, used: Quantity)] {
    let all = agents.map { (total: $0.total, used: $0.allocated - $0.offered) }
    return ["", "_revocable"].flatMap { suffix in
      let parts = all.map { agent in
        let isCounted = { (resource: Resource) in resource.isRevocable == !suffix.isEmpty }
        return (total: agent.total.filter(isCounted), used: agent.used.filter(isCounted))
      }
      return ["cpus", "gpus", "mem", "disk"].map { name in
        let total = parts.reduce(Quantity.zero) { $0 + $1.total.total(of: name) }
        let used = parts.reduce(Quantity.zero) { $0 + $1.used.total(of: name) }
        return ("\(name)\(suffix)", total, used)
      }
    }
  }
}

extension MesosTaskState {
  /// `tasks_running`
  fileprivate var counterName: String { "tasks_" + protocolName.lowercased().dropFirst("task_".utf8.count) }
}
