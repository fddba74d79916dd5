import Allocation
import Resources

/// The master's real books with a policy behind the border, driven as `MasterCore` drives them.
public final class AllocatorCluster {
  public let scene: AllocatorScene
  public let ledger = AllocationLedger()
  private let policy: any AllocationPolicy
  public private(set) var nowNs: Int64 = 1_000_000_000
  private var held: [Grant] = []
  private var frameworkIDs: [UInt32] = []

  public init(
    _ scene: AllocatorScene, _ policy: any AllocationPolicy, hasFrameworks: Bool = true
  ) throws(ResourceError) {
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

  public func addFramework(_ number: Int) {
    frameworkIDs.append(ledger.addFramework("framework\(number)", roles: [scene.role(number)]))
  }

  public func pass(seconds: Int64) { nowNs += seconds * 1_000_000_000 }

  /// One cycle; its grants are held as offers are. How many there were.
  @discardableResult
  public func cycle() throws(Market.Violation) -> Int {
    let cycle = ledger.runCycle(policy, at: nowNs, deadline: nowNs + 1_000_000_000)
    if let failure = cycle.failure ?? cycle.complaints.first { throw Market.Violation("\(policy.id): \(failure)") }
    held += cycle.grants
    return cycle.grants.count
  }

  /// Takes back what was granted last, on as many agents: as when its tasks ended, or, with a filter for each grant, as
  /// when it was declined.
  public func takeBack(agents count: Int = .max, refusingForSeconds seconds: Int64? = nil) {
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

  /// A cycle; how many agents it granted something of.
  @discardableResult
  public func grantedAgents() throws(Market.Violation) -> Int {
    let begin = held.count
    try cycle()
    return Set(held[begin...].map(\.agent)).count
  }

  /// A cycle that must grant as many agents.
  public func expectCycle(_ agents: Int) throws(Market.Violation) {
    let count = try grantedAgents()
    guard count == agents else { throw Market.Violation("\(policy.id) granted \(count) agents and not \(agents)") }
  }
}
