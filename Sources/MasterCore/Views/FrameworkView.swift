import Resources
import Wire

extension FrameworkSnapshot {
  /// Protocol fact 147.
  func write(to json: inout JSONWriter) {
    json.object { json in
      // Tasks lie all over the memory: one pass over them writes them and adds up what they use.
      var used = Resources()
      json.list("tasks", tasks) { json, task in
        task.write(to: &json)
        if !task.state.isTerminal { used += task.resources }
      }
      for executor in executors { used += executor.resources }
      writeSummary(used: used, to: &json)
      json.member("user", info.user)
      json.member("failover_timeout", info.failoverTimeout)
      json.member("checkpoint", info.checkpoint)
      json.member("registered_time", registeredTime)
      json.member("reregistered_time", reregisteredTime)
      json.member("unregistered_time", unregisteredTime ?? 0)
      if info.hasPrincipal { json.member("principal", info.principal) }
      json.summary("resources", used + offered)
      if info.isMultiRole { json.member("roles", roles) } else { json.member("role", roles.first) }
      if info.hasLabels { json.labels(info.labels) }
      json.list("unreachable_tasks", unreachableTasks) { $1.write(to: &$0) }
      json.list("completed_tasks", completedTasks) { $1.write(to: &$0) }
      json.list("executors", executors) { $1.write(to: &$0) }
      json.list("offers", offers) { writeOffer($1, to: &$0) }
      json.name("offer_constraints")
      json.value(json: WireFormat.json.encode(offerConstraints))
    }
  }

  /// What /state-summary shares with /frameworks.
  func writeSummary(used: Resources, to json: inout JSONWriter) {
    json.member("id", info.id.value)
    json.member("name", info.name)
    json.summary("used_resources", used)
    json.summary("offered_resources", offered)
    json.member("hostname", info.hostname)
    json.member("webui_url", info.webuiURL)
    json.member("active", isConnected)
    json.member("connected", isConnected)
    json.member("recovered", isRecovered)
    json.member("capabilities", info.capabilities.lazy.map(\.type.protocolName))
  }

  private func writeOffer(_ offer: OfferSnapshot, to json: inout JSONWriter) {
    json.object { json in
      json.member("id", offer.id)
      json.member("framework_id", info.id.value)
      json.member("slave_id", offer.agentID)
      json.object("allocation_info") { $0.member("role", offer.role) }
      json.summary("resources", offer.resources)
    }
  }

  var used: Resources {
    var sum = Resources()
    for task in tasks where !task.state.isTerminal { sum += task.resources }
    for executor in executors { sum += executor.resources }
    return sum
  }

  var offered: Resources { offers.reduce(into: Resources()) { $0 += $1.resources } }
}

extension ExecutorSnapshot {
  fileprivate func write(to json: inout JSONWriter) {
    json.object { json in
      json.member("executor_id", info.executorID.value)
      json.member("name", info.name)
      json.member("framework_id", info.frameworkID.value)
      json.member("slave_id", agentID)
      json.member("source", info.source)
      json.summary("resources", resources)
      if info.hasLabels { json.labels(info.labels) }
    }
  }
}

extension MesosFrameworkInfo {
  var isMultiRole: Bool { capabilityTypes.contains(.multiRole) }
}
