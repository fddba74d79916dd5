import Allocation
import Logging
import ModuleHost
import Resources

/// The books of a small cluster with a policy from the build's own modules behind the border.
struct Cluster {
  let ledger: AllocationLedger
  let policy: any AllocationPolicy
  private(set) var agents: [UInt32] = []
  private(set) var frameworks: [String: UInt32] = [:]
  private var now: Int64 = 0

  init(policy: any AllocationPolicy, options: AllocationOptions = AllocationOptions()) {
    self.policy = policy
    ledger = AllocationLedger(options: options)
  }

  init(module: String, parameters: String = "{}", options: AllocationOptions = AllocationOptions()) throws {
    let host = try ModuleHost(
      product: "tepui-test", version: "0", directory: Repository.products,
      configuration: """
        {"libraries": [{"name": "\(module)", "modules": [
          {"name": "org.tepui.\(module)", "parameters": \(parameters)}]}]}
        """, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    self.init(policy: try host.loadAllocator(named: module), options: options)
  }

  mutating func addAgents(_ count: Int, _ resources: String = "cpus:4;mem:4096") throws {
    for _ in 0..<count { agents.append(ledger.addAgent("a\(agents.count)", total: try Resources(parsing: resources))) }
  }

  mutating func addFramework(_ name: String, _ roles: String...) {
    frameworks[name] = ledger.addFramework(name, roles: roles)
  }

  /// One cycle.
  mutating func cycle() -> AllocationCycle {
    now += 1_000_000_000
    return ledger.runCycle(policy, at: now, deadline: now + 50_000_000)
  }

  /// One cycle, as the number of agents by framework.
  mutating func granted() -> [String: Int] {
    let grants = cycle().grants
    return frameworks.mapValues { id in grants.count { $0.framework == id } }.filter { $0.value > 0 }
  }

  func name(_ framework: UInt32) -> String { frameworks.first { $0.value == framework }?.key ?? "?" }
}
