import AgentCore
import Daemon
import Resources
import Wire

/// The agent's `/state` (protocol fact 150), in the names of Mesos' JSON.
struct StateAnswer: Encodable {
  var version = Product.mesosVersion
  var startTime: Double
  var id: String?
  var pid: String
  var hostname: String
  var capabilities: [String] = []
  var resources: ResourceSummary
  var unreservedResources: ResourceSummary
  var reservedResources: [String: ResourceSummary]
  var attributes: [String: String]
  var domain: DomainAnswer?
  var masterHostname: String?
  var flags: [String: String]
  var frameworks: [FrameworkAnswer]
  var completedFrameworks: [FrameworkAnswer]

  init(_ state: AgentState, address: String, startTime: Double, flags: [String: String]) {
    self.startTime = startTime
    id = state.agentID
    pid = "slave(1)@\(address)"
    hostname = state.info.hostname
    let all = (try? Resources(wire: state.info.resources)) ?? Resources()
    resources = ResourceSummary(all)
    unreservedResources = ResourceSummary(all.unreserved)
    let roles = Set(all.reserved.compactMap(\.reservationRole))
    reservedResources = Dictionary(uniqueKeysWithValues: roles.map { ($0, ResourceSummary(all.reserved(for: $0))) })
    let pairs = state.info.attributes.compactMap { try? Attribute(wire: $0) }.map { ($0.name, $0.value.description) }
    attributes = Dictionary(pairs) { _, last in last }
    domain = state.info.hasDomain ? DomainAnswer(state.info.domain) : nil
    masterHostname = state.masterHostname
    self.flags = flags
    frameworks = state.frameworks.map { FrameworkAnswer($0) }
    completedFrameworks = state.completedFrameworks.map { FrameworkAnswer($0) }
  }
}

struct DomainAnswer: Encodable {
  struct Named: Encodable {
    var name: String
  }
  struct FaultDomain: Encodable {
    var region: Named
    var zone: Named
  }
  var faultDomain: FaultDomain?

  init(_ domain: MesosDomainInfo) {
    guard domain.hasFaultDomain else { return }
    faultDomain = FaultDomain(
      region: Named(name: domain.faultDomain.region.name), zone: Named(name: domain.faultDomain.zone.name))
  }
}

struct FrameworkAnswer: Encodable {
  var id: String
  var name: String
  var user: String
  var failoverTimeout: Double
  var checkpoint: Bool
  var hostname: String
  var principal: String?
  var role: String?
  var roles: [String]?
  var executors: [ExecutorAnswer]
  var completedExecutors: [ExecutorAnswer]

  init(_ framework: FrameworkState) {
    let info = framework.info
    id = info.id.value
    name = info.name
    user = info.user
    failoverTimeout = info.failoverTimeout
    checkpoint = info.checkpoint
    hostname = info.hostname
    principal = info.hasPrincipal ? info.principal : nil
    if info.capabilities.contains(where: { $0.type == .multiRole }) { roles = info.roles } else { role = info.role }
    executors = framework.executors.filter { !$0.isExited }.map { ExecutorAnswer($0) }
    completedExecutors = (framework.executors.filter(\.isExited) + framework.completedExecutors).map {
      ExecutorAnswer($0)
    }
  }
}

struct ExecutorAnswer: Encodable {
  var id: String
  var name: String
  var source: String
  var container: String
  var directory: String
  var resources: ResourceSummary
  var role: String
  var type: String?
  var tasks: [TaskAnswer]
  var queuedTasks: [TaskAnswer]
  var completedTasks: [TaskAnswer]

  init(_ executor: ExecutorState) {
    id = executor.info.executorID.value
    name = executor.info.name
    source = executor.info.source
    container = executor.containerID
    directory = executor.directory
    resources = ResourceSummary((try? Resources(wire: executor.resources)) ?? Resources())
    role = executor.role
    type = executor.info.hasType ? "\(executor.info.type)".uppercased() : nil
    tasks = executor.tasks.map { TaskAnswer($0, role: executor.role) }
    queuedTasks = executor.queuedTasks.map { TaskAnswer($0, role: executor.role) }
    completedTasks = executor.completedTasks.map { TaskAnswer($0, role: executor.role) }
  }
}
