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
    for (name, total, used) in usage {
      values["master/\(name)_total"] = total.units
      values["master/\(name)_used"] = used.units
      values["master/\(name)_percent"] = total > .zero ? used.units / total.units : 0
    }
    return .object(values.mapValues { .number($0) })
  }

  private var counters: [String: Double] {
    [
      "master/tasks_launched": Double(metrics.tasksLaunched), "master/tasks_finished": Double(metrics.tasksFinished),
      "master/tasks_failed": Double(metrics.tasksFailed), "master/tasks_killed": Double(metrics.tasksKilled),
      "master/tasks_lost": Double(metrics.tasksLost), "master/tasks_error": Double(metrics.tasksError),
      "master/valid_status_updates": Double(metrics.statusUpdates),
      "master/messages_status_update": Double(metrics.statusUpdates),
      "master/dropped_messages": Double(metrics.droppedMessages), "master/offers_sent": Double(metrics.offersSent),
      "master/offers_accepted": Double(metrics.offersAccepted),
      "master/offers_declined": Double(metrics.offersDeclined),
      "master/offers_rescinded": Double(metrics.offersRescinded),
      "allocator/mesos/allocation_runs": Double(metrics.allocationRuns),
      "allocator/tepui/failures": Double(metrics.allocationFailures),
      "allocator/tepui/grants_invalid": Double(metrics.grantsInvalid),
      "allocator/tepui/starvations": Double(metrics.starvations),
      "allocator/tepui/grants_refused": Double(metrics.grantsRefused),
    ]
  }

  private var states: [String: Double] {
    var values: [String: Double] = [
      "master/tasks_staging": 0, "master/tasks_starting": 0, "master/tasks_running": 0, "master/tasks_killing": 0,
      "master/tasks_unreachable": Double(frameworks.reduce(0) { $0 + $1.unreachableTasks.count }),
    ]
    for task in frameworks.lazy.flatMap(\.tasks) where !task.state.isTerminal {
      values["master/" + task.state.protocolName.lowercased().replacingPrefix("task_", with: "tasks_"), default: 0] += 1
    }
    return values
  }

  private var usage: [(name: String, total: Quantity, used: Quantity)] {
    ["cpus", "gpus", "mem", "disk"].map { name in
      let total = agents.reduce(Quantity.zero) { $0 + $1.total.total(of: name) }
      let used = agents.reduce(Quantity.zero) { $0 + ($1.allocated - $1.offered).total(of: name) }
      return (name, total, used)
    }
  }
}

extension String {
  fileprivate func replacingPrefix(_ prefix: String, with other: String) -> String {
    hasPrefix(prefix) ? other + dropFirst(prefix.utf8.count) : self
  }
}
