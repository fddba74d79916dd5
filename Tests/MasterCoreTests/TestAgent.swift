import FoundationEssentials
import MasterCore
import Resources
import Testing
import Wire

/// An agent as the master sees it.
final class TestAgent {
  let cluster: TestCluster
  var connection: ConnectionID
  var info = MesosAgentInfo()
  /// `ip:port`, by default another one for each agent of a cluster.
  let address: String
  private var updateCount: UInt8 = 0

  init(
    _ cluster: TestCluster, resources: String = "cpus:4;mem:4096;ports:[31000-32000]", attributes: String = "",
    address: String? = nil, subscribes: Bool = true
  ) throws {
    self.cluster = cluster
    connection = cluster.connection()
    self.address = address ?? "10.0.0.\(cluster.core.snapshot().agents.count + 1):5051"
    info.hostname = "host"
    info.attributes = try Attribute.parse(attributes).map { MesosAttribute($0) }
    info.resources = try Resources(parsing: resources).wire(.stack)
    if subscribes { subscribe() }
  }

  /// Subscribes, with the id that it has if it has one, and tells what lives on it.
  func subscribe(
    tasks: [MesosTask] = [], frameworks: [MesosFrameworkInfo] = [], executors: [AgentCall.Executor] = [],
    operations: [AgentCall.Operation] = []
  ) {
    connection = cluster.connection()
    var call = AgentCall()
    call.subscribe.agentInfo = info
    call.subscribe.version = "0.1.0"
    call.subscribe.address = address
    call.subscribe.tasks = tasks
    call.subscribe.frameworks = frameworks
    call.subscribe.executors = executors
    call.subscribe.operations = operations
    send([call])
    if let event = events.first { info.id = event.subscribed.agentID }
  }

  var id: String { info.id.value }
  var events: [AgentEvent] { cluster.toAgents[connection] ?? [] }
  var launched: [String] { tasks.map(\.taskID.value) }
  /// As they came.
  var tasks: [MesosTaskInfo] {
    events.flatMap { event -> [MesosTaskInfo] in
      if case .run(let run)? = event.event { run.tasks } else { [] }
    }
  }

  @discardableResult
  func send(_ calls: [AgentCall]) -> TestCluster.Answer? {
    var request = AgentCalls()
    request.calls = calls
    let id =
      calls.first.map { if case .subscribe? = $0.call { connection } else { cluster.connection() } } ?? connection
    cluster.handle(.agentCalls(request, from: id))
    return cluster.answers[id]
  }

  /// An update with a uuid of its own.
  func update(
    _ task: String, of framework: TestFramework, _ state: MesosTaskState, latest: MesosTaskState? = nil
  ) {
    updateCount += 1
    var call = AgentCall()
    call.agentID = info.id
    call.update.frameworkID.value = framework.id
    call.update.status.taskID.value = task
    call.update.status.state = state
    call.update.status.source = .executor
    call.update.status.uuid = Data(repeating: updateCount, count: 16)
    call.update.status.data = Data("payload".utf8)
    if let latest { call.update.latestState = latest }
    send([call])
  }

  func pong() {
    var call = AgentCall()
    call.agentID = info.id
    call.pong = AgentCall.Pong()
    send([call])
  }

  /// Lets time pass while the agent answers its pings.
  func live(seconds: Double) {
    var left = seconds
    while left > 0 {
      cluster.pass(seconds: min(left, 10))
      pong()
      left -= 10
    }
  }

  func disconnect() { cluster.handle(.streamClosed(connection)) }

  /// A task as the agent would report it.
  func report(_ task: MesosTaskInfo, of framework: TestFramework, _ state: MesosTaskState) -> MesosTask {
    var report = MesosTask()
    report.name = task.name
    report.taskID = task.taskID
    report.frameworkID.value = framework.id
    report.agentID = info.id
    report.state = state
    report.resources = task.resources.map { resource in
      var resource = resource
      resource.allocationInfo.role = framework.info.roles.first ?? "*"
      return resource
    }
    return report
  }
}
