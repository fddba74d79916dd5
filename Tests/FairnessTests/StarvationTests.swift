import Allocation
import Resources
import Testing

/// Many small frameworks beside a few that need whole agents, all of which refuse what they do not use for the usual
/// five seconds: nobody goes without.
@Suite struct StarvationTests {
  /// A framework that runs one task after the other and rests between them.
  private final class Client {
    let cpus: Double
    let runsSeconds, restsSeconds: Int64
    var id: UInt32 = 0
    var wakesAt: Int64
    var running: (resources: Resources, agent: UInt32, until: Int64)?
    var finished = 0

    init(cpus: Double, runsSeconds: Int64, restsSeconds: Int64, wakesAt: Int64) {
      self.cpus = cpus
      self.runsSeconds = runsSeconds
      self.restsSeconds = restsSeconds
      self.wakesAt = wakesAt
    }

    func task(in role: String) -> Resources {
      Resources([.scalar("cpus", cpus), .scalar("mem", cpus * 1024)]).allocated(to: role)
    }
  }

  private static let second: Int64 = 1_000_000_000

  @Test(arguments: Policies.all)
  func bigAndSmallFrameworksAllGetOn(module: String) throws {
    let ledger = AllocationLedger()
    let policy = try Policies.load(module)
    for number in 0..<10 { _ = ledger.addAgent("a\(number)", total: try Resources(parsing: "cpus:8;mem:8192")) }
    let small = (0..<40).map {
      Client(cpus: 1, runsSeconds: 10, restsSeconds: 20, wakesAt: Int64($0) * Self.second * 3 / 4)
    }
    let big = (0..<3).map { _ in Client(cpus: 8, runsSeconds: 20, restsSeconds: 0, wakesAt: 0) }
    var clientOf: [UInt32: Client] = [:]
    for (number, client) in (small + big).enumerated() {
      client.id = ledger.addFramework("f\(number)", roles: ["r\(number)"])
      clientOf[client.id] = client
    }
    for step in 0..<12_000 as Range<Int64> {
      let now = step * Self.second / 20
      for client in small + big { end(client, ledger, at: now) }
      if step % 20 == 0 { ledger.reconsider() }
      let cycle = ledger.runCycle(policy, at: now, deadline: now + Self.second)
      try #require(cycle.failure == nil && cycle.invalidCount == 0)
      for grant in cycle.grants {
        if let client = clientOf[grant.framework] { answer(grant, client, ledger, at: now) }
      }
    }
    // Ten minutes: one that waited for nothing would finish 20 tasks, and a big one 30.
    #expect(small.map(\.finished).min() ?? 0 >= 12, "small: \(small.map(\.finished))")
    #expect(big.map(\.finished).min() ?? 0 >= 12, "big: \(big.map(\.finished))")
  }

  private func end(_ client: Client, _ ledger: AllocationLedger, at now: Int64) {
    guard let task = client.running, task.until <= now else { return }
    ledger.recover(task.resources, agent: task.agent, framework: client.id)
    client.running = nil
    client.finished += 1
    client.wakesAt = now + client.restsSeconds * Self.second
  }

  /// Starts a task on an offer if there is one to start and it fits; refuses the rest.
  private func answer(_ grant: Grant, _ client: Client, _ ledger: AllocationLedger, at now: Int64) {
    var rest = grant.resources
    let task = client.task(in: grant.role)
    if client.running == nil, client.wakesAt <= now, rest.contains(task) {
      client.running = (task, grant.agent, now + client.runsSeconds * Self.second)
      rest -= task
    }
    if rest.isEmpty { return }
    ledger.recover(rest, agent: grant.agent, framework: client.id)
    ledger.refuse(rest, agent: grant.agent, framework: client.id, until: now + 5 * Self.second)
  }
}
