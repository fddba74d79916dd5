import Glibc
import MasterCore
import Resources
import Wire

extension ReadModel {
  /// /metrics/snapshot: names and numbers, flat (protocol fact 152).
  func metrics() -> [UInt8] {
    encode(counters().merging(gauges()) { _, gauge in gauge }.merging(SystemMetrics.now()) { _, system in system })
  }

  private func counters() -> [String: Double] {
    let metrics = snapshot.metrics
    return [
      "master/messages_launch_tasks": metrics.messagesLaunchTasks, "master/tasks_launched": metrics.tasksLaunched,
      "master/tasks_finished": metrics.tasksFinished, "master/tasks_failed": metrics.tasksFailed,
      "master/tasks_killed": metrics.tasksKilled, "master/tasks_lost": metrics.tasksLost,
      "master/tasks_error": metrics.tasksError, "master/valid_status_updates": metrics.statusUpdates,
      "master/offers_sent": metrics.offersSent, "master/offers_accepted": metrics.offersAccepted,
      "master/offers_declined": metrics.offersDeclined, "master/offers_rescinded": metrics.offersRescinded,
      "master/dropped_messages": metrics.droppedMessages, "allocator/mesos/allocation_runs": metrics.allocationRuns,
      "allocator/allocation_failures": metrics.allocationFailures, "allocator/grants_invalid": metrics.grantsInvalid,
      "allocator/grants_refused": metrics.grantsRefused,
    ].mapValues(Double.init)
  }

  private func gauges() -> [String: Double] {
    let active = Double(snapshot.agents.count(where: \.isActive))
    let connected = Double(snapshot.frameworks.count(where: \.isConnected))
    var gauges: [String: Double] = [
      "master/elected": 1, "master/uptime_secs": nowSeconds - snapshot.startedSeconds,
      "master/slaves_active": active, "master/slaves_connected": active,
      "master/slaves_inactive": Double(snapshot.agents.count) - active,
      "master/slaves_disconnected": Double(snapshot.agents.count) - active,
      "master/slaves_unreachable": Double(snapshot.unreachableAgentCount),
      "master/frameworks_active": connected, "master/frameworks_connected": connected,
      "master/frameworks_inactive": Double(snapshot.frameworks.count) - connected,
      "master/frameworks_disconnected": Double(snapshot.frameworks.count) - connected,
      "master/outstanding_offers": Double(snapshot.frameworks.reduce(0) { $0 + $1.offers.count }),
    ]
    var counts = TaskCounts()
    for task in snapshot.frameworks.flatMap(\.tasks) { counts.add(task) }
    for (name, state) in [
      ("staging", MesosTaskState.taskStaging), ("starting", .taskStarting), ("running", .taskRunning),
      ("killing", .taskKilling),
    ] {
      gauges["master/tasks_\(name)"] = Double(counts.byState[state] ?? 0)
    }
    gauges["master/tasks_unreachable"] = Double(snapshot.frameworks.reduce(0) { $0 + $1.unreachableTasks.count })
    for name in ["cpus", "mem", "disk", "gpus"] {
      let total = snapshot.agents.reduce(0) { $0 + $1.total.nonRevocable.total(of: name).units }
      let used = snapshot.agents.reduce(0) { $0 + $1.used.nonRevocable.total(of: name).units }
      gauges["master/\(name)_total"] = total
      gauges["master/\(name)_used"] = used
      gauges["master/\(name)_percent"] = total > 0 ? used / total : 0
    }
    return gauges
  }
}

/// What Mesos tells of the machine in every snapshot of metrics.
enum SystemMetrics {
  static func now() -> [String: Double] {
    var loads = [0.0, 0.0, 0.0]
    guard getloadavg(&loads, 3) == 3 else { return [:] }
    let pageBytes = Double(sysconf(Int32(_SC_PAGESIZE)))
    return [
      "system/cpus_total": Double(sysconf(Int32(_SC_NPROCESSORS_ONLN))),
      "system/load_1min": loads[0], "system/load_5min": loads[1], "system/load_15min": loads[2],
      "system/mem_free_bytes": Double(sysconf(Int32(_SC_AVPHYS_PAGES))) * pageBytes,
      "system/mem_total_bytes": Double(sysconf(Int32(_SC_PHYS_PAGES))) * pageBytes,
    ]
  }
}
