import AgentCore
import Containment
import Dispatch
import NIOCore
import Transport

/// Carries out checks of tasks: commands in their containers, the rest from here, in the network that the task has.
///
/// Belongs to one event loop.
final class Checks {
  private let loop: any EventLoop
  private let containers: Containers
  private let feed: (AgentInput) -> Void
  /// nil until the network is known.
  private var probes: [String: Probe?] = [:]

  init(_ containers: Containers, on loop: any EventLoop, feed: @escaping (AgentInput) -> Void) {
    self.containers = containers
    self.loop = loop
    self.feed = feed
  }

  func start(_ run: CheckRun) {
    switch run.action {
    case .http, .tcp: findNetwork(of: run)
    case .command(let program, let arguments, let environment):
      containers.run(run, program, arguments, environment: environment)
    case .https(let port, let path, let isIPv6):
      guard let curl = HTTPSCheck.curl else {
        return feed(.checkEnded(run: run.id, .unavailable(HTTPSCheck.missing)))
      }
      let arguments = HTTPSCheck.arguments(port: port, path: path, isIPv6: isIPv6)
      containers.run(run, curl, arguments, environment: [:], isOurs: true)
    }
  }

  func end(_ run: String) {
    guard let probe = probes[run] else { return containers.destroy(run) }
    probe?.cancel()
    finish(run, .failed("it was ended"))
  }

  private func findNetwork(of run: CheckRun) {
    probes[run.id] = .some(nil)
    let this = NIOLoopBound(self, eventLoop: loop)
    containers.network(of: run.containerID) { network in
      this.eventLoop.execute { this.value.probe(run, in: network) }
    }
  }

  private func probe(_ run: CheckRun, in network: Result<ContainerNetwork?, ContainmentFailure>) {
    // It may have been ended meanwhile.
    guard probes[run.id] != nil else { return }
    let way: Probe.Way?
    switch network {
    case .success(let network): way = network.map { network in Self.way(into: network) }
    // Not a word about the task: nothing was tried.
    case .failure(let failure): return finish(run.id, .unavailable(failure.message))
    }
    switch run.action {
    case .http(let port, let path, let isIPv6): get(path, port, isIPv6, by: way, for: run.id)
    case .tcp(let port, let isIPv6): connect(port, isIPv6, by: way, for: run.id)
    case .command, .https: break
    }
  }

  private func get(_ path: String, _ port: UInt32, _ isIPv6: Bool, by way: Probe.Way?, for run: String) {
    guard let endpoint = Self.loopback(port, isIPv6) else { return finish(run, .failed("\(port) is no port")) }
    let probe = Probe.get(path, of: endpoint, on: loop, by: way) { [self] result in
      switch result {
      case .success(let status): finish(run, .answered(status: status))
      case .failure(let error): finish(run, .failed("\(error)"))
      }
    }
    keep(probe, of: run)
  }

  private func connect(_ port: UInt32, _ isIPv6: Bool, by way: Probe.Way?, for run: String) {
    guard let endpoint = Self.loopback(port, isIPv6) else { return finish(run, .failed("\(port) is no port")) }
    let probe = Probe.connect(to: endpoint, on: loop, by: way) { [self] in finish(run, .connected($0)) }
    keep(probe, of: run)
  }

  /// It may be over already, when there was not even a socket to be had.
  private func keep(_ probe: Probe, of run: String) {
    if probes[run] != nil { probes[run] = probe }
  }

  /// nil for a number that is no port.
  private static func loopback(_ port: UInt32, _ isIPv6: Bool) -> Endpoint? {
    (1...65535).contains(port) ? Endpoint(host: isIPv6 ? "::1" : "127.0.0.1", port: Int(port)) : nil
  }

  /// Connecting blocks a thread; few tasks have a network of their own.
  private static let connecting = DispatchQueue(label: "checks", attributes: .concurrent)
  private static let timeoutMs: Int32 = 20_000

  private static func way(into network: ContainerNetwork) -> Probe.Way {
    { endpoint, answer in
      connecting.async {
        guard let port = UInt16(exactly: endpoint.port), ["127.0.0.1", "::1", "localhost"].contains(endpoint.host)
        else {
          return answer(
            .failure(ContainmentFailure(message: "\(endpoint.host) is not the loopback address of the task's network")))
        }
        do throws(ContainmentFailure) {
          answer(
            .success(try network.connect(toPort: port, isIPv6: endpoint.host == "::1", timeoutMs: timeoutMs)))
        } catch {
          answer(.failure(error))
        }
      }
    }
  }

  private func finish(_ run: String, _ outcome: CheckOutcome) {
    probes[run] = nil
    feed(.checkEnded(run: run, outcome))
  }
}
