import MasterCore
import Resources
import Wire

/// A framework as /frameworks and /state show it (protocol fact 147).
struct FrameworkView: Encodable {
  private enum CodingKeys: String, CodingKey {
    case id, name, capabilities, hostname, active, connected, recovered, user, checkpoint, principal, resources
    case role, roles, tasks, executors, offers, labels
    case webuiURL = "webui_url"
    case failoverTimeout = "failover_timeout"
    case usedResources = "used_resources"
    case offeredResources = "offered_resources"
    case registeredTime = "registered_time"
    case unregisteredTime = "unregistered_time"
    case reregisteredTime = "reregistered_time"
    case unreachableTasks = "unreachable_tasks"
    case completedTasks = "completed_tasks"
  }

  private let framework: FrameworkSnapshot

  init(_ framework: FrameworkSnapshot) {
    self.framework = framework
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    let info = framework.info
    try container.encode(info.id.value, forKey: .id)
    try container.encode(info.name, forKey: .name)
    try container.encode(info.user, forKey: .user)
    try container.encode(info.hostname, forKey: .hostname)
    try container.encode(info.webuiURL, forKey: .webuiURL)
    try container.encode(info.failoverTimeout, forKey: .failoverTimeout)
    try container.encode(info.checkpoint, forKey: .checkpoint)
    if info.hasPrincipal { try container.encode(info.principal, forKey: .principal) }
    if info.hasLabels { try container.encode(info.labels.labels.map(LabelView.init), forKey: .labels) }
    let capabilities = info.capabilities.map(\.type)
    try container.encode(capabilities.map(\.protocolName), forKey: .capabilities)
    if capabilities.contains(.multiRole) {
      try container.encode(framework.roles, forKey: .roles)
    } else {
      try container.encode(framework.roles.first ?? Role.star, forKey: .role)
    }

    try container.encode(framework.isConnected, forKey: .active)
    try container.encode(framework.isConnected, forKey: .connected)
    try container.encode(framework.isRecovered, forKey: .recovered)
    try container.encode(framework.registeredTime, forKey: .registeredTime)
    try container.encode(framework.unregisteredTime ?? 0, forKey: .unregisteredTime)
    try container.encodeIfPresent(framework.reregisteredTime, forKey: .reregisteredTime)

    try container.encode(AmountsView(framework.used + framework.offered), forKey: .resources)
    try container.encode(AmountsView(framework.used), forKey: .usedResources)
    try container.encode(AmountsView(framework.offered), forKey: .offeredResources)
    try container.encode(framework.tasks.map(TaskView.init), forKey: .tasks)
    try container.encode(framework.unreachableTasks.map(TaskView.init), forKey: .unreachableTasks)
    try container.encode(framework.completedTasks.map(TaskView.init), forKey: .completedTasks)
    try container.encode(framework.executors.map { ExecutorView($0, of: info) }, forKey: .executors)
    try container.encode(framework.offers.map { OfferView($0, of: info) }, forKey: .offers)
  }
}

extension FrameworkSnapshot {
  /// Of tasks that have not ended and of executors.
  var used: Resources {
    var used = Resources()
    for task in tasks where !task.state.isTerminal { used += task.resources.unallocated() }
    for executor in executors { used += executor.resources.unallocated() }
    return used
  }

  var offered: Resources {
    var offered = Resources()
    for offer in offers { offered += offer.resources.unallocated() }
    return offered
  }
}

private struct ExecutorView: Encodable {
  let executor_id: String
  let framework_id: String
  let slave_id: String
  let name: String
  let resources: AmountsView

  init(_ executor: ExecutorSnapshot, of framework: MesosFrameworkInfo) {
    executor_id = executor.info.executorID.value
    framework_id = framework.id.value
    slave_id = executor.agentID
    name = executor.info.name
    resources = AmountsView(executor.resources)
  }
}

private struct OfferView: Encodable {
  struct Allocation: Encodable { let role: String }
  let id: String
  let framework_id: String
  let slave_id: String
  let allocation_info: Allocation
  let resources: AmountsView

  init(_ offer: OfferSnapshot, of framework: MesosFrameworkInfo) {
    id = offer.id
    framework_id = framework.id.value
    slave_id = offer.agentID
    allocation_info = Allocation(role: offer.role)
    resources = AmountsView(offer.resources)
  }
}
