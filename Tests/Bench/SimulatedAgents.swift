import NIOCore
import NIOHTTP1
import SchedulerClient
import Transport
import Wire

/// Agents that subscribe to a master over real sockets, each with a stream of its own, answer pings and do nothing else.
///
/// Pongs share some connections: 10,000 agents with two sockets each would need more than 20,000 file descriptors,
/// which many machines do not allow. Belongs to its event loop.
final class SimulatedAgents {
  private static let path = "/api/tepui/v1/agent"

  private let http: HTTPClient
  private let master: Endpoint
  private let pongs: [CallQueue]
  private var subscriptions: [Subscription?] = []
  private(set) var registered = 0
  private(set) var pings = 0
  private(set) var failure: String?

  init(master: Endpoint, eventLoop: any EventLoop) {
    http = HTTPClient(eventLoop: eventLoop)
    self.master = master
    pongs = (0..<256).map { [http] _ in http.orderedCalls(to: master) }
  }

  var isDone: Bool { registered == subscriptions.count }

  /// Subscribes `count` agents, a few at a time, as agents do that lose a master and come back.
  func start(_ count: Int, tasksEach: Int, frameworks: [MesosFrameworkInfo]) {
    subscriptions = Array(repeating: nil, count: count)
    for number in 0..<min(count, 200) { subscribe(number, tasksEach, frameworks) }
  }

  private func subscribe(_ number: Int, _ tasksEach: Int, _ frameworks: [MesosFrameworkInfo]) {
    var isFirst = true
    var id = MesosAgentID()
    let request = post([call(number, tasksEach, frameworks)])
    subscriptions[number] = http.subscribe(request) { [self] event in
      switch event {
      case .opened: break
      case .closed(let reason): failure = failure ?? "agent \(number): \(reason)"
      case .record(let bytes):
        guard let event = try? WireFormat.protobuf.decode(AgentEvent.self, from: bytes) else { return }
        switch event.event {
        case .subscribed(let subscribed) where isFirst:
          isFirst = false
          id = subscribed.agentID
          registered += 1
          let next = number + 200
          if next < subscriptions.count { subscribe(next, tasksEach, frameworks) }
        case .ping: pong(number, id)
        default: break
        }
      }
    }
  }

  private func pong(_ number: Int, _ id: MesosAgentID) {
    pings += 1
    var call = AgentCall()
    call.agentID = id
    call.pong = AgentCall.Pong()
    pongs[number % pongs.count].send(post([call])) { [self] result in
      switch result {
      case .success(let response) where response.status.code < 300: break
      case .success(let response): failure = failure ?? "pong: \(response.status.code)"
      case .failure(let error): failure = failure ?? "pong: \(error)"
      }
    }
  }

  private func post(_ calls: [AgentCall]) -> ClientRequest {
    let type = WireFormat.protobuf.rawValue
    let headers: HTTPHeaders = ["Content-Type": type, "Accept": type]
    let body = WireFormat.protobuf.encode(AgentCalls.with { $0.calls = calls })
    return ClientRequest(.POST, master, Self.path, headers: headers, body: body)
  }

  private func call(_ number: Int, _ tasksEach: Int, _ frameworks: [MesosFrameworkInfo]) -> AgentCall {
    var call = AgentCall()
    call.subscribe.agentInfo.hostname = "agent\(number).example.org"
    call.subscribe.agentInfo.resources = [
      .scalar("cpus", 16), .scalar("mem", 65536), .scalar("disk", 500_000), .ports(31000...32000),
    ]
    call.subscribe.version = "1.0"
    // Nobody calls there; the addresses only have to differ.
    call.subscribe.address = "10.\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255):5051"
    guard tasksEach > 0, !frameworks.isEmpty else { return call }
    var used: [String: MesosFrameworkInfo] = [:]
    call.subscribe.tasks = (0..<tasksEach).map { task in
      let framework = frameworks[(number * tasksEach + task) % frameworks.count]
      used[framework.id.value] = framework
      return self.task(number, task, of: framework)
    }
    call.subscribe.frameworks = Array(used.values)
    return call
  }

  private func task(_ number: Int, _ index: Int, of framework: MesosFrameworkInfo) -> MesosTask {
    var task = MesosTask()
    task.name = "server"
    task.taskID.value = "server.\(number).\(index)"
    task.frameworkID = framework.id
    task.agentID.value = "unknown"
    task.state = .taskRunning
    task.resources = [.scalar("cpus", 0.1), .scalar("mem", 128)]
    for index in task.resources.indices { task.resources[index].allocationInfo.role = framework.roles.first ?? "*" }
    var status = MesosTaskStatus()
    status.taskID = task.taskID
    status.state = .taskRunning
    status.timestamp = 1_795_364_988.082_723
    status.containerStatus.containerID.value = "000b9008-5657-418c-8b12-\(100_000_000_000 + number * 1000 + index)"
    var network = MesosNetworkInfo()
    var address = MesosNetworkInfo.IPAddress()
    address.ipAddress = "10.0.0.1"
    network.ipAddresses = [address]
    status.containerStatus.networkInfos = [network]
    task.statuses = [status]
    return task
  }
}

extension MesosResource {
  static func ports(_ range: ClosedRange<UInt64>) -> MesosResource {
    var resource = MesosResource()
    resource.name = "ports"
    resource.type = .ranges
    var interval = MesosValue.Range()
    interval.begin = range.lowerBound
    interval.end = range.upperBound
    resource.ranges.range = [interval]
    return resource
  }
}
