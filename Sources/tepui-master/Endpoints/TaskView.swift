import MasterCore
import Resources
import Wire

/// A task as /tasks and /state show it (protocol fact 148).
struct TaskView: Encodable {
  private enum CodingKeys: String, CodingKey {
    case id, name
    case frameworkID = "framework_id"
    case executorID = "executor_id"
    case agentID = "slave_id"
    case state, resources
    case role, statuses, user, labels, discovery, container
  }

  private let task: MasterTask

  init(_ task: MasterTask) {
    self.task = task
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(task.id, forKey: .id)
    try container.encode(task.name, forKey: .name)
    try container.encode(task.frameworkID, forKey: .frameworkID)
    // Protocol fact 64: the executor of a command task is not the framework's business.
    try container.encode(task.executorID ?? "", forKey: .executorID)
    try container.encode(task.agentID, forKey: .agentID)
    try container.encode(task.state.protocolName, forKey: .state)
    try container.encode(AmountsView(task.resources), forKey: .resources)
    try container.encode(task.resources.allocationRoles.compactMap { $0 }.first ?? Role.star, forKey: .role)
    try container.encode(task.statuses.map(StatusView.init), forKey: .statuses)
    try container.encodeIfPresent(task.extras?.user, forKey: .user)
    try container.encodeIfPresent(task.extras?.labels.map { $0.labels.map(LabelView.init) }, forKey: .labels)
    try container.encodeIfPresent(task.extras?.discovery.map(MessageView.init), forKey: .discovery)
    try container.encodeIfPresent(task.extras?.container.map(MessageView.init), forKey: .container)
  }
}

struct LabelView: Encodable {
  let key: String
  let value: String?

  init(_ label: MesosLabel) {
    key = label.key
    value = label.hasValue ? label.value : nil
  }
}

/// One state that a task went through.
private struct StatusView: Encodable {
  private enum CodingKeys: String, CodingKey {
    case state, timestamp, labels, healthy
    case containerStatus = "container_status"
  }

  private let status: MesosTaskStatus

  init(_ status: MesosTaskStatus) {
    self.status = status
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(status.state.protocolName, forKey: .state)
    try container.encode(status.timestamp, forKey: .timestamp)
    if status.hasLabels { try container.encode(status.labels.labels.map(LabelView.init), forKey: .labels) }
    if status.hasHealthy { try container.encode(status.healthy, forKey: .healthy) }
    if status.hasContainerStatus {
      try container.encode(ContainerStatusView(status.containerStatus), forKey: .containerStatus)
    }
  }
}

/// By hand, since there is one for every state of every task.
private struct ContainerStatusView: Encodable {
  private enum CodingKeys: String, CodingKey {
    case containerID = "container_id"
    case networkInfos = "network_infos"
  }
  private struct ID: Encodable { let value: String }
  private struct Network: Encodable {
    struct Address: Encodable {
      let `protocol`: String
      let ip_address: String
    }
    let ip_addresses: [Address]
  }

  private let status: MesosContainerStatus

  init(_ status: MesosContainerStatus) {
    self.status = status
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(ID(value: status.containerID.value), forKey: .containerID)
    let networks = status.networkInfos.map { info in
      Network(
        ip_addresses: info.ipAddresses.map {
          Network.Address(protocol: $0.protocol == .ipv6 ? "IPv6" : "IPv4", ip_address: $0.ipAddress)
        })
    }
    try container.encode(networks, forKey: .networkInfos)
  }
}
