import AgentCore
import Daemon
import Resources
import Wire

/// `/metrics/snapshot`: one number a name (protocol fact 152), by Mesos' names.
struct Metrics {
  private(set) var values: [String: Double] = [:]

  init(_ state: AgentState, startTime: Double) {
    let executors = state.frameworks.flatMap(\.executors)
    let live = executors.filter { !$0.isExited }
    count("slave/registered", state.isRegistered ? 1 : 0)
    values["slave/uptime_secs"] = Clock().seconds - startTime
    count("slave/frameworks_active", state.frameworks.count)
    count("slave/executors_registering", live.count(where: \.isRegistering))
    count("slave/executors_running", live.count { !$0.isRegistering && !$0.isTerminating })
    count("slave/executors_terminating", live.count(where: \.isTerminating))
    count("slave/executors_terminated", state.counters.executorsTerminated)
    count("slave/container_launch_errors", state.counters.containerLaunchErrors)
    count("slave/valid_status_updates", state.counters.validStatusUpdates)
    count("slave/invalid_status_updates", state.counters.invalidStatusUpdates)
    count("slave/valid_framework_messages", state.counters.validFrameworkMessages)
    count("slave/invalid_framework_messages", state.counters.invalidFrameworkMessages)
    addTasks(executors, state.counters)
    addResources(live, state)
    values.merge(SystemFigures.current) { $1 }
  }

  mutating func add(_ fetches: Fetcher.Statistics) {
    count("containerizer/fetcher/task_fetches_succeeded", fetches.succeeded)
    count("containerizer/fetcher/task_fetches_failed", fetches.failed)
    values["containerizer/fetcher/cache_size_total_bytes"] = Double(fetches.cacheSizeBytes)
    values["containerizer/fetcher/cache_size_used_bytes"] = Double(fetches.cacheUsedBytes)
  }

  mutating func add(_ removals: GarbageCollector.Statistics) {
    count("gc/path_removals_succeeded", removals.succeeded)
    count("gc/path_removals_failed", removals.failed)
    count("gc/path_removals_pending", removals.pending)
  }

  private mutating func count(_ name: String, _ number: Int) { values[name] = Double(number) }

  private mutating func addTasks(_ executors: [ExecutorState], _ counters: AgentCounters) {
    let ended: [(String, [MesosTaskState])] = [
      ("finished", [.taskFinished]), ("failed", [.taskFailed]), ("killed", [.taskKilled]),
      ("lost", [.taskLost, .taskDropped]), ("gone", [.taskGone]),
    ]
    for (name, states) in ended {
      count("slave/tasks_\(name)", states.reduce(0) { $0 + (counters.tasksByFinalState[$1] ?? 0) })
    }
    let tasks = executors.flatMap(\.tasks)
    let queued = executors.reduce(0) { $0 + $1.queuedTasks.count }
    count("slave/tasks_staging", queued + tasks.count { $0.state == .taskStaging })
    count("slave/tasks_starting", tasks.count { $0.state == .taskStarting })
    count("slave/tasks_running", tasks.count { $0.state == .taskRunning })
    count("slave/tasks_killing", tasks.count { $0.state == .taskKilling })
  }

  private mutating func addResources(_ live: [ExecutorState], _ state: AgentState) {
    let total = (try? Resources(wire: state.info.resources)) ?? Resources()
    let used = (try? Resources(wire: live.flatMap(\.resources))) ?? Resources()
    for name in ["cpus", "mem", "disk", "gpus"] {
      let (all, taken) = (total.total(of: name).units, used.total(of: name).units)
      values["slave/\(name)_total"] = all
      values["slave/\(name)_used"] = taken
      values["slave/\(name)_percent"] = all > 0 ? taken / all : 0
    }
  }
}
