import Allocation
import Resources
import Testing

/// A cluster of workers over the master's real books, with a policy behind the border.
final class Market {
  let ledger: AllocationLedger
  let policy: any AllocationPolicy
  private(set) var agents: [(id: UInt32, total: Resources)] = []
  private(set) var workers: [Worker] = []
  /// Every grant, in order, for comparing one run with another.
  private(set) var history: [String] = []
  private(set) var now: Int64 = 0
  /// Looked at after each cycle, while its grants are in the books.
  var inspect: (AllocationCycle) -> Void = { _ in }

  init(_ policy: any AllocationPolicy, options: AllocationOptions = AllocationOptions()) {
    self.policy = policy
    ledger = AllocationLedger(options: options)
  }

  convenience init(_ module: String, _ parameters: [String: String] = [:], seed: UInt64 = 0) throws {
    var options = Self.options
    options.seed = seed
    self.init(try Policies.load(module, parameters), options: options)
  }

  /// Offers may be as small as they like.
  static var options: AllocationOptions {
    var options = AllocationOptions()
    options.minimumOffer = MinimumOffer(anyOf: [])
    return options
  }

  func addAgent(_ resources: String) throws {
    let total = try Resources(parsing: resources)
    agents.append((ledger.addAgent("a\(agents.count)", total: total), total))
  }

  func add(_ worker: Worker) {
    worker.id = ledger.addFramework(worker.name, roles: [worker.role])
    workers.append(worker)
  }

  /// Plays until nobody starts anything more, though every agent was offered to everybody who may have it.
  func settle(cycles: Int = 20_000) throws {
    for _ in 0..<cycles where try !step() {
      ledger.reconsider()
      if !ledger.wantsCycle(at: now) { return }
    }
    Issue.record("still not settled after \(cycles) cycles")
  }

  /// One cycle and what the workers make of it; whether anything was granted.
  ///
  /// Who starts a task gives the rest back without a filter, so that each task is a decision of the policy. Who starts
  /// none wants to hear of the agent again only when more of it is free.
  func step() throws -> Bool {
    now += 10_000_000
    let cycle = ledger.runCycle(policy, at: now, deadline: now + 50_000_000)
    try #require(cycle.failure == nil)
    try #require(cycle.invalidCount == 0, "\(cycle.complaints)")
    inspect(cycle)
    for grant in cycle.grants {
      let worker = try #require(workers.first { $0.id == grant.framework })
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
  func endTask(of worker: Worker) {
    guard let (agent, resources) = worker.end() else { return }
    ledger.recover(resources, agent: agent, framework: worker.id)
    if worker.running.count == worker.wanted - 1 { ledger.revive(framework: worker.id) }
  }

  // MARK: What came of it

  func tasks(of name: String) -> Int { workers.first { $0.name == name }?.running.count ?? 0 }

  var tasks: [String: Int] { Dictionary(uniqueKeysWithValues: workers.map { ($0.name, $0.running.count) }) }

  func total(of kind: String) -> Int64 { agents.reduce(0) { $0 + $1.total.total(of: kind).thousandths } }

  /// The dominant share of some workers together, computed from what they run.
  func share(of workers: [Worker]) -> Double {
    var held: [String: Int64] = [:]
    for worker in workers {
      for (kind, amount) in worker.task { held[kind, default: 0] += amount * Int64(worker.running.count) }
    }
    return held.map { Double($0.value) / Double(max(1, total(of: $0.key))) }.max() ?? 0
  }

  /// Of one task.
  func share(ofTaskOf worker: Worker) -> Double {
    worker.task.map { Double($0.amount) / Double(max(1, total(of: $0.kind))) }.max() ?? 0
  }

  /// What is free on an agent for a role, reservations that it may use included.
  func free(on agent: UInt32, for role: String) -> Resources {
    ledger.free(on: agent).filter { $0.isUsable(by: role) }
  }
}
