import Allocation
import CTepui
import ModuleHost

/// What a policy takes of a machine at one size of a cluster.
public struct PolicyFigures: Codable, Equatable, Sendable {
  /// Processor time in ms over the books of a master, which take their part: a cycle in which all agents are free, ...
  public var firstMs: Double
  /// one in which 1 % of them have changed, ...
  public var changedMs: Double
  /// one in which nothing is free, ...
  public var nothingMs: Double
  /// and one after all offers were declined with a filter.
  public var declinedMs: Double
  /// That the process had to take for an instance and its first cycles, the books left out.
  public var memoryBytes: Int
  /// In the first cycle.
  public var grantedAgents: Int
}

extension PolicyFigures {
  /// Measures in this process, which should be new: memory that it has had before may be used again.
  public static func measure(
    _ module: ModuleInspection, agents: Int, frameworks: Int, runs: Int, _ parameters: [String: String] = [:]
  ) throws -> PolicyFigures {
    let memory = try memoryBytes(agents: agents, frameworks: frameworks) { () throws(ModuleError) in
      try module.makeAllocator(parameters)
    }
    let scene = AllocatorScene(agents: agents, frameworks: frameworks)
    let phases = try AllocatorPhases.best(
      of: runs, scene, [.first, .few, .nothing, .reoffer], expectsAll: false
    ) { try module.makeAllocator(parameters) }
    return PolicyFigures(
      firstMs: phases[.first] * 1000, changedMs: phases[.few] * 1000, nothingMs: phases[.nothing] * 1000,
      declinedMs: phases[.reoffer] * 1000, memoryBytes: memory, grantedAgents: phases.grantedAgents)
  }

  /// Over tables that are there before.
  private static func memoryBytes(
    agents: Int, frameworks: Int, _ make: () throws(ModuleError) -> any AllocationPolicy
  ) throws(ModuleError) -> Int {
    let view = HandmadeView(agents: agents, claimants: frameworks)
    // What the view itself keeps of a cycle.
    view.playAnew(GrantAll())
    let before = ResidentMemory.bytes()
    let policy = try make()
    for _ in 0..<3 { view.playAnew(policy) }
    return withExtendedLifetime(policy) { max(0, ResidentMemory.bytes() - before) }
  }
}

/// The least policy there is: all to the first.
private final class GrantAll: AllocationPolicy {
  let id = "grant-all"

  func allocate(
    _ view: UnsafePointer<tepui_allocation_view>, _ sink: UnsafePointer<tepui_grant_sink>
  ) -> AllocationOutcome {
    for index in 0..<Int(view.pointee.candidate_count) where view.pointee.active_count > 0 {
      _ = sink.pointee.grant(sink.pointee.context, view.pointee.candidates[index], view.pointee.active[0], nil)
    }
    return .done
  }
}
