import AgentCore
import Resources
import Wire

/// A task in the names of Mesos' JSON (protocol fact 148).
struct TaskAnswer: Encodable {
  var id: String
  var name: String
  var frameworkId: String
  /// Empty for command tasks.
  var executorId: String
  var slaveId: String
  var state: String
  var resources: ResourceSummary
  var role: String
  var statuses: [StatusAnswer]
  var labels: [LabelAnswer]?

  init(_ task: MesosTask, role: String) {
    id = task.taskID.value
    name = task.name
    frameworkId = task.frameworkID.value
    executorId = task.executorID.value
    slaveId = task.agentID.value
    state = task.state.protocolName
    resources = ResourceSummary((try? Resources(wire: task.resources)) ?? Resources())
    self.role = role
    statuses = task.statuses.map { StatusAnswer($0) }
    if task.hasLabels { labels = task.labels.labels.map { LabelAnswer($0) } }
  }
}

struct StatusAnswer: Encodable {
  struct Container: Encodable {
    var containerId: ContainerIDAnswer
    var networkInfos: [Network]
  }
  struct Network: Encodable {
    var ipAddresses: [Address]
  }
  struct Address: Encodable {
    var `protocol` = "IPv4"
    var ipAddress: String
  }

  var state: String
  var timestamp: Double
  var containerStatus: Container?
  var healthy: Bool?
  var labels: [LabelAnswer]?

  init(_ status: MesosTaskStatus) {
    state = status.state.protocolName
    timestamp = status.timestamp
    if status.hasHealthy { healthy = status.healthy }
    if status.hasLabels { labels = status.labels.labels.map { LabelAnswer($0) } }
    guard status.hasContainerStatus else { return }
    let networks = status.containerStatus.networkInfos.map { info in
      Network(ipAddresses: info.ipAddresses.map { Address(ipAddress: $0.ipAddress) })
    }
    containerStatus = Container(
      containerId: ContainerIDAnswer(status.containerStatus.containerID), networkInfos: networks)
  }
}

/// The id of a container, within a pod with that of the pod's (protocol fact 133).
struct ContainerIDAnswer: Encodable {
  struct Parent: Encodable {
    var value: String
  }
  var value: String
  var parent: Parent?

  init(_ id: MesosContainerID) {
    self.init(id.value, in: id.hasParent ? id.parent.value : nil)
  }

  init(_ value: String, in parent: String? = nil) {
    self.value = value
    self.parent = parent.map(Parent.init)
  }
}

struct LabelAnswer: Encodable {
  var key: String
  var value: String?

  init(_ label: MesosLabel) {
    key = label.key
    value = label.hasValue ? label.value : nil
  }
}

/// Resources by name as tools read them (protocol fact 144): scalars as numbers, ranges and sets as text.
struct ResourceSummary: Encodable {
  private enum Value: Encodable {
    case number(Double)
    case text(String)

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .number(let number): try container.encode(number)
      case .text(let text): try container.encode(text)
      }
    }
  }

  private var values: [String: Value] = [:]

  init(_ resources: Resources) {
    var sums = ["cpus": Quantity.zero, "gpus": .zero, "mem": .zero, "disk": .zero]
    for resource in resources {
      let name = resource.isRevocable ? "\(resource.name)_revocable" : resource.name
      switch resource.value {
      case .scalar(let quantity): sums[name, default: .zero] += quantity
      case .ranges: values[name] = .text(resources.ranges(of: resource.name).description)
      default: values[name] = .text(resource.value.description)
      }
    }
    for (name, sum) in sums { values[name] = .number(sum.units) }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(values)
  }
}
