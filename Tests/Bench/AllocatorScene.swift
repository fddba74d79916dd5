import Allocation
import Glibc
import Resources

/// A cluster of equal agents and frameworks, as the allocator's books see it.
struct AllocatorScene {
  var agents: Int
  var frameworks: Int
  var roles = Roles.ofEach
  /// Part of each agent is reserved for the role of some framework.
  var reserves = false
  /// Each role has a limit, and every tenth a guarantee.
  var limitsRoles = false
  /// As agents have them; without, all that an agent has are plain amounts.
  var hasPorts = true

  enum Roles {
    case ofEach
    case one
    /// Three levels, ten roles in one.
    case tree
  }

  func role(_ framework: Int) -> String {
    switch roles {
    case .ofEach: "role\(framework)"
    case .one: "role"
    case .tree: "a\(framework % 10)/b\(framework / 10 % 10)/c\(framework / 100)"
    }
  }

  /// That of the agents in Mesos' own benchmark of its allocator.
  func total(_ agent: Int) throws -> Resources {
    var text = "cpus:24;mem:4096;disk:4096"
    if hasPorts { text += ";ports:[31000-32000]" }
    if reserves {
      let role = role(agent % frameworks)
      text += ";cpus(\(role)):2;mem(\(role)):512"
    }
    return try Resources(parsing: text)
  }
}

/// Seconds of processor time that `body` takes.
func cpuSeconds(_ body: () throws -> Void) rethrows -> Double {
  func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
  let begin = now()
  try body()
  return now() - begin
}

/// The master's real books with a policy behind the border, driven as `MasterCore` drives them.
final class AllocatorCluster {
  let scene: AllocatorScene
  let ledger = AllocationLedger()
  private let policy: any AllocationPolicy
  private(set) var nowNs: Int64 = 1_000_000_000
  private var held: [Grant] = []
  private var frameworkIDs: [UInt32] = []

  init(_ scene: AllocatorScene, _ policy: any AllocationPolicy, hasFrameworks: Bool = true) throws {
    self.scene = scene
    self.policy = policy
    if scene.limitsRoles {
      for framework in 0..<scene.frameworks {
        var quota = RoleQuota(limits: ["cpus": Quantity(24.0 * Double(scene.agents))])
        if framework % 10 == 0 { quota.guarantees = ["cpus": Quantity(24)] }
        ledger.setQuota(quota, ofRole: scene.role(framework))
      }
    }
    if hasFrameworks { for number in 0..<scene.frameworks { addFramework(number) } }
    for number in 0..<scene.agents { _ = ledger.addAgent("agent\(number)", total: try scene.total(number)) }
  }

  func addFramework(_ number: Int) {
    frameworkIDs.append(ledger.addFramework("framework\(number)", roles: [scene.role(number)]))
  }

  func pass(seconds: Int64) { nowNs += seconds * 1_000_000_000 }

  /// One cycle; its grants are held as offers are. How many there were.
  @discardableResult
  func cycle() throws -> Int {
    let cycle = ledger.runCycle(policy, at: nowNs, deadline: nowNs + 1_000_000_000)
    if let failure = cycle.failure ?? cycle.complaints.first { throw Load.Failure("\(policy.id): \(failure)") }
    held += cycle.grants
    return cycle.grants.count
  }

  /// Takes back what was granted last, on as many agents: as when its tasks ended, or, with a filter for each grant, as
  /// when it was declined.
  func takeBack(agents count: Int = .max, refusingForSeconds seconds: Int64? = nil) {
    var agents: Set<UInt32> = []
    while let grant = held.last, agents.contains(grant.agent) || agents.count < count {
      held.removeLast()
      if count < .max { agents.insert(grant.agent) }
      ledger.recover(grant.resources, agent: grant.agent, framework: grant.framework)
      guard let seconds else { continue }
      ledger.refuse(
        grant.resources, agent: grant.agent, framework: grant.framework, until: nowNs + seconds * 1_000_000_000)
    }
  }

  /// A cycle that must grant as many agents.
  func expectCycle(_ agents: Int) throws {
    let begin = held.count
    try cycle()
    let count = Set(held[begin...].map(\.agent)).count
    guard count == agents else { throw Load.Failure("\(policy.id) granted \(count) agents and not \(agents)") }
  }
}
