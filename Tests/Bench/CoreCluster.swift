import Allocation
import MasterCore
import ModuleKit
import Resources
import SchedulerClient
import Wire

/// The master's core with agents and frameworks and without sockets: what it says is read and thrown away.
final class CoreCluster {
  private let core: MasterCore
  private let agents, frameworks: Int
  private var now = Instant(monotonicNs: 1_000_000_000, epochSeconds: 1_000_000)
  private var lastConnection: UInt64 = 0
  private var streamIDs: [ConnectionID: String] = [:]
  private var ids: [ConnectionID: MesosFrameworkID] = [:]
  /// By stream.
  private var offers: [ConnectionID: [MesosOfferID]] = [:]

  init(agents: Int, frameworks: Int, policy: any AllocationPolicy) throws {
    (self.agents, self.frameworks) = (agents, frameworks)
    core = MasterCore(
      configuration: MasterConfiguration(id: "master"), policy: policy, generator: SystemRandomNumberGenerator(),
      now: now)
  }

  /// Seconds of processor time by what was done.
  func run() throws -> [(String, Double)] {
    var figures: [(String, Double)] = []
    let subscriptions = (0..<frameworks).map(subscription)
    figures.append(("frameworks subscribe", cpuSeconds { for call in subscriptions { handle(call) } }))
    let registrations = try (0..<agents).map(registration)
    figures.append(("agents register", cpuSeconds { for call in registrations { handle(call) } }))
    figures.append(("the cycle with its offers", cpuSeconds { tick() }))
    try expectOffers()
    figures.append(("all declined with a filter", cpuSeconds { decline() }))
    figures.append(("the cycle with the offers to others", cpuSeconds { tick() }))
    try expectOffers()
    now.monotonicNs += 2_000_000_000
    figures.append(("a tick that looks at everything again", cpuSeconds { tick() }))
    return figures
  }

  private var offerCount: Int { offers.values.reduce(0) { $0 + $1.count } }

  private func expectOffers() throws {
    guard offerCount == agents else { throw Load.Failure("the master made \(offerCount) offers and not \(agents)") }
  }

  /// The master makes many offers in several cycles, and tells of them by and by.
  private func tick() {
    var ticks = 0
    repeat {
      now.monotonicNs = max(now.monotonicNs, core.nextDeadline ?? 0)
      apply(core.handle(.tick, at: now))
      ticks += 1
    } while offerCount < agents && ticks < 100_000
  }

  private func handle(_ event: MasterEvent) { apply(core.handle(event, at: now)) }

  private func apply(_ effects: [MasterEffect]) {
    for effect in effects {
      switch effect {
      case .openScheduler(let stream, let id): streamIDs[stream] = id
      case .sendScheduler(let stream, let event) where event.type == .subscribed:
        ids[stream] = event.subscribed.frameworkID
      case .sendScheduler(let stream, let event) where event.type == .offers:
        offers[stream, default: []] += event.offers.offers.map(\.id)
      case .persist(let number, _): handle(.persisted(number))
      default: break
      }
    }
  }

  private func decline() {
    let declined = offers
    offers = [:]
    for (stream, offerIDs) in declined {
      var call = SchedulerCall()
      call.type = .decline
      call.frameworkID = ids[stream] ?? MesosFrameworkID()
      call.decline.offerIds = offerIDs
      call.decline.filters.refuseSeconds = 5
      handle(.schedulerCall(call, from: connection(), streamID: streamIDs[stream]))
    }
  }

  private func connection() -> ConnectionID {
    lastConnection += 1
    return ConnectionID(lastConnection)
  }

  private func subscription(_ number: Int) -> MasterEvent {
    var call = SchedulerCall()
    call.type = .subscribe
    call.subscribe.frameworkInfo.user = "root"
    call.subscribe.frameworkInfo.name = "framework\(number)"
    call.subscribe.frameworkInfo.roles = ["role\(number)"]
    call.subscribe.frameworkInfo.failoverTimeout = 3600
    call.subscribe.frameworkInfo.setCapabilities(.multiRole, .partitionAware)
    return .schedulerCall(call, from: connection(), streamID: nil)
  }

  private func registration(_ number: Int) throws -> MasterEvent {
    var call = AgentCall()
    call.subscribe.agentInfo.hostname = "agent\(number).example.org"
    call.subscribe.agentInfo.resources =
      try Resources(parsing: "cpus:24;mem:4096;disk:4096;ports:[31000-32000]").wire(.stack)
    call.subscribe.version = "1.0"
    call.subscribe.address = "10.\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255):5051"
    return .agentCalls(AgentCalls.with { $0.calls = [call] }, from: connection())
  }
}
