import NIOCore
import SchedulerClient
import Transport
import Wire

/// Frameworks that subscribe and decline all offers with the default filter of 5 s. Belongs to its event loop.
final class SimulatedFrameworks {
  private let http: HTTPClient
  private let master: Endpoint
  private var clients: [SchedulerClient] = []
  private(set) var subscribed = 0
  private(set) var offers = 0
  private(set) var heartbeats = 0
  private(set) var failure: String?

  init(master: Endpoint, eventLoop: any EventLoop) {
    http = HTTPClient(eventLoop: eventLoop)
    self.master = master
  }

  var isDone: Bool { subscribed >= clients.count }

  func start(_ count: Int) {
    clients = (0..<count).map { number in
      var framework = MesosFrameworkInfo()
      framework.user = "root"
      framework.name = "simulated\(number)"
      framework.roles = ["role\(number)"]
      framework.failoverTimeout = 3600
      framework.checkpoint = true
      framework.setCapabilities(.multiRole, .partitionAware)
      return SchedulerClient(framework, master: master, http: http)
    }
    for client in clients {
      client.subscribe { [self, unowned client] event in handle(event, client) }
    }
  }

  func close() {
    for client in clients { client.close() }
  }

  private func handle(_ event: SchedulerClient.Event, _ client: SchedulerClient) {
    switch event {
    case .closed(let reason): failure = failure ?? "framework: \(reason)"
    case .callFailed(let type, let reason): failure = failure ?? "\(type): \(reason)"
    case .received(let event):
      switch event.type {
      case .subscribed: subscribed += 1
      case .heartbeat: heartbeats += 1
      case .offers:
        offers += event.offers.offers.count
        client.send(.decline(event.offers.offers.map(\.id), refuseSeconds: 5))
      default: break
      }
    }
  }
}

/// Names of frameworks that nobody has seen, for tasks that agents bring along after a change of master.
enum EarlierFrameworks {
  static func make(_ count: Int) -> [MesosFrameworkInfo] {
    (0..<count).map { number in
      var framework = MesosFrameworkInfo()
      framework.user = "root"
      framework.name = "earlier\(number)"
      framework.id.value = "5d1c2f0e-0000-4000-8000-\(100_000_000_000 + number)-0000"
      framework.roles = ["earlier\(number)"]
      framework.failoverTimeout = 86400
      framework.checkpoint = true
      framework.setCapabilities(.multiRole, .partitionAware)
      return framework
    }
  }
}
