import Resources
import Wire

extension MasterTask {
  /// Protocol fact 148.
  func write(to json: inout JSONWriter) {
    json.object { json in
      json.member("id", id)
      json.member("name", name)
      json.member("framework_id", frameworkID)
      json.member("executor_id", executorID ?? "")
      json.member("slave_id", agentID)
      json.member("state", state.protocolName)
      json.summary("resources", resources)
      json.member("role", resources.elements.first?.allocationRole)
      json.list("statuses", statuses) { $0.value(json: $1.shown) }
      extras?.write(to: &json)
    }
  }
}

extension MasterTask.Extras {
  fileprivate func write(to json: inout JSONWriter) {
    json.member("user", user)
    if let labels { json.labels(labels) }
    if let discovery {
      json.name("discovery")
      discovery.write(to: &json)
    }
    if let container {
      json.name("container")
      json.value(json: WireFormat.json.encode(container))
    }
    if let healthCheck {
      json.name("health_check")
      json.value(json: WireFormat.json.encode(healthCheck))
    }
    if let killPolicy {
      json.name("kill_policy")
      json.value(json: WireFormat.json.encode(killPolicy))
    }
    guard !limits.isEmpty else { return }
    json.object("limits") { json in
      for (name, limit) in limits {
        json.name(name)
        json.value(limit)
      }
    }
  }
}

extension MesosTaskStatus {
  func write(to json: inout JSONWriter) {
    json.object { json in
      json.member("state", state.protocolName)
      json.member("timestamp", timestamp)
      if hasHealthy { json.member("healthy", healthy) }
      if hasLabels { json.labels(labels) }
      if hasContainerStatus {
        json.name("container_status")
        containerStatus.write(to: &json)
      }
    }
  }
}

extension MesosContainerStatus {
  fileprivate func write(to json: inout JSONWriter) {
    json.object { json in
      if hasContainerID { json.object("container_id") { $0.member("value", containerID.value) } }
      if networkInfos.isEmpty { return }
      json.list("network_infos", networkInfos) { json, network in
        json.object { json in
          json.list("ip_addresses", network.ipAddresses) { json, address in
            json.object { json in
              json.member("protocol", "IPv4")
              json.member("ip_address", address.ipAddress)
            }
          }
        }
      }
    }
  }
}

extension MesosDiscoveryInfo {
  fileprivate func write(to json: inout JSONWriter) {
    json.object { json in
      json.member("visibility", visibility.protocolName)
      if hasName { json.member("name", name) }
      if hasEnvironment { json.member("environment", environment) }
      if hasLocation { json.member("location", location) }
      if hasVersion { json.member("version", version) }
      if !ports.ports.isEmpty {
        json.object("ports") { json in json.list("ports", ports.ports) { $1.write(to: &$0) } }
      }
      if hasLabels { json.labels(labels) }
    }
  }
}

extension MesosPort {
  fileprivate func write(to json: inout JSONWriter) {
    json.object { json in
      json.member("number", Int(number))
      if hasName { json.member("name", name) }
      if hasProtocol { json.member("protocol", self.protocol) }
    }
  }
}

extension JSONWriter {
  mutating func labels(_ labels: MesosLabels) {
    list("labels", labels.labels) { json, label in
      json.object { json in
        json.member("key", label.key)
        if label.hasValue { json.member("value", label.value) }
      }
    }
  }
}
