import Resources
import Wire

extension MasterTask {
  /// Protocol fact 148.
  var view: ViewValue {
    [
      "id": .text(id), "name": .text(name), "framework_id": .text(frameworkID), "executor_id": .text(executorID ?? ""),
      "slave_id": .text(agentID), "state": .text(state.protocolName), "resources": ResourcesView.summary(resources),
      "role": .of(resources.allocationRoles.first ?? nil), "statuses": .list(statuses.map(\.view)),
      "user": .of(extras?.user), "labels": extras?.labels?.view ?? .absent,
      "discovery": extras?.discovery?.view ?? .absent,
      "limits": extras.flatMap { $0.limits.isEmpty ? nil : .object($0.limits.mapValues { .number($0) }) } ?? .absent,
    ]
  }
}

extension MesosTaskStatus {
  fileprivate var view: ViewValue {
    [
      "state": .text(state.protocolName), "timestamp": .number(timestamp),
      "healthy": hasHealthy ? .boolean(healthy) : .absent, "labels": hasLabels ? labels.view : .absent,
      "container_status": hasContainerStatus ? containerStatus.view : .absent,
    ]
  }
}

extension MesosContainerStatus {
  fileprivate var view: ViewValue {
    let networks = networkInfos.map { network -> ViewValue in
      ["ip_addresses": .list(network.ipAddresses.map { ["protocol": "IPv4", "ip_address": .text($0.ipAddress)] })]
    }
    return [
      "container_id": hasContainerID ? ["value": .text(containerID.value)] : .absent,
      "network_infos": networks.isEmpty ? .absent : .list(networks),
    ]
  }
}

extension MesosLabels {
  var view: ViewValue {
    .list(labels.map { ["key": .text($0.key), "value": $0.hasValue ? .text($0.value) : .absent] })
  }
}

extension MesosDiscoveryInfo {
  fileprivate var view: ViewValue {
    let ports = ports.ports.map { port -> ViewValue in
      [
        "number": .integer(Int(port.number)), "name": port.hasName ? .text(port.name) : .absent,
        "protocol": port.hasProtocol ? .text(port.protocol) : .absent,
      ]
    }
    let visibilities: [Visibility: String] = [.framework: "FRAMEWORK", .cluster: "CLUSTER", .external: "EXTERNAL"]
    return [
      "visibility": .of(visibilities[visibility]), "name": hasName ? .text(name) : .absent,
      "environment": hasEnvironment ? .text(environment) : .absent,
      "location": hasLocation ? .text(location) : .absent, "version": hasVersion ? .text(version) : .absent,
      "ports": ports.isEmpty ? .absent : ["ports": .list(ports)], "labels": hasLabels ? labels.view : .absent,
    ]
  }
}
