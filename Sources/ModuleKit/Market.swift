import Allocation
import Resources

/// A cluster of workers over the master's real books, with a policy behind the border.
public final class Market {
  public let ledger: AllocationLedger
  public let policy: any AllocationPolicy
  public private(set) var agents: [(id: UInt32, total: Resources)] = []
  public private(set) var workers: [Worker] = []
  /// Every grant, in order, for comparing one run with another.
  public private(set) var history: [String] = []
  public private(set) var now: Int64 = 0
  private var cycles = 0
  /// Looked at after each cycle, while its grants are in the books.
  public var inspect: (AllocationCycle) -> Void = { _ in }

  public init(_ policy: any AllocationPolicy, options: AllocationOptions = AllocationOptions()) {
    self.policy = policy
    ledger = AllocationLedger(options: options)
  }

  /// A policy did what no policy may do.
  public struct Violation: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
  }

  /// Offers may be as small as they like.
  public static var options: AllocationOptions {
    var options = AllocationOptions()
    options.minimumOffer = MinimumOffer(anyOf: [])
    return options
  }

  public func addAgent(_ resources: String) throws(ResourceError) {
    let total = try Resources(parsing: resources)
    agents.append((ledger.addAgent("a\(agents.count)", total: total), total))
  }

  public func add(_ worker: Worker) {
    worker.id = ledger.addFramework(worker.name, roles: [worker.role])
    workers.append(worker)
  }

  /// Plays until nobody starts anything more, though every agent was offered to everybody who may have it.
  public func settle(cycles: Int = 20_000) throws(Violation) {
    for _ in 0..<cycles where try !step() {
      ledger.reconsider()
      if !ledger.wantsCycle(at: now) { return }
    }
    throw Violation("still not settled after \(cycles) cycles")
  }

  /// One cycle and what the workers make of it; whether anything was granted.
  ///
  /// Who starts a task gives the rest back without a filter, so that each task is a decision of the policy. Who starts
  /// none wants to hear of the agent again only when more of it is free.
  public func step() throws(Violation) -> Bool {
    now += 10_000_000
    cycles += 1
    let cycle = ledger.runCycle(policy, at: now, deadline: now + 50_000_000)
    if let failure = cycle.failure { throw Violation("cycle \(cycles): allocate failed: \(failure)") }
    if let complaint = cycle.complaints.first { throw Violation("cycle \(cycles): \(complaint)") }
    inspect(cycle)
    for grant in cycle.grants {
      guard let worker = workers.first(where: { $0.id == grant.framework }) else { continue }
      history.append("\(worker.name) a\(grant.agent) \(grant.resources)")
      let (rest, started) = worker.use(grant.resources, on: grant.agent)
      ledger.recover(rest, agent: grant.agent, framework: grant.framework)
      if started == 0 {
        ledger.refuse(grant.resources, agent: grant.agent, framework: grant.framework, until: .max)
      }
      if worker.isSatisfied { ledger.suppress(framework: worker.id) }
    }
    return !cycle.grants.isEmpty
  }

  /// Ends the oldest task of a worker.
  public func endTask(of worker: Worker) {
    guard let (agent, resources) = worker.end() else { return }
    ledger.recover(resources, agent: agent, framework: worker.id)
    if worker.running.count == worker.wanted - 1 { ledger.revive(framework: worker.id) }
  }

  // MARK: What came of it

  public func tasks(of name: String) -> Int { workers.first { $0.name == name }?.running.count ?? 0 }

  public var tasks: [String: Int] { Dictionary(uniqueKeysWithValues: workers.map { ($0.name, $0.running.count) }) }

  public func total(of kind: String) -> Int64 { agents.reduce(0) { $0 + $1.total.total(of: kind).thousandths } }

  /// The dominant share of some workers together, computed from what they run.
  public func share(of workers: [Worker]) -> Double {
    var held: [String: Int64] = [:]
    for worker in workers {
      for (kind, amount) in worker.task { held[kind, default: 0] += amount * Int64(worker.running.count) }
    }
    return held.map { Double($0.value) / Double(max(1, total(of: $0.key))) }.max() ?? 0
  }

  /// Of one task.
  public func share(ofTaskOf worker: Worker) -> Double {
    worker.task.map { Double($0.amount) / Double(max(1, total(of: $0.kind))) }.max() ?? 0
  }

  /// What is free on an agent for a role, reservations that it may use included.
  public func free(on agent: UInt32, for role: String) -> Resources {
    ledger.free(on: agent).filter { $0.isUsable(by: role) }
  }
}
