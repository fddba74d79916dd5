import Allocation
import CTepui

/// A view and a sink as no ledger makes them: whatever amounts, weights, roles and answers a test wants.
///
/// Tables have two kinds, cpus and mem. Everything lives in memory that does not move, since modules read it in place.
public final class HandmadeView {
  public struct Call: Equatable {
    public var agent: UInt32
    public var claimant: UInt32
    public var isWhole: Bool
  }

  public let agentTotal, agentFree, roleAllocated, claimantAllocated, clusterTotal,
    weights: UnsafeMutableBufferPointer<Int64>
  public let parents, claimantRoles, claimantFrameworks, kindFlags, extraRoles: UnsafeMutableBufferPointer<UInt32>
  public var candidates, active: [UInt32]
  private let blocked: UnsafeMutableBufferPointer<UnsafePointer<UInt64>?>
  public private(set) var calls: [Call] = []
  /// Beyond so many calls in one cycle the sink answers TEPUI_INVALID and keeps no account.
  public var callLimit = Int.max
  public private(set) var exceedsCallLimit = false
  /// What the sink answers; by default everything is granted and the live columns show it.
  public var answer: (HandmadeView, Call) -> tepui_status = { view, call in
    view.grant(call)
    return TEPUI_OK
  }

  /// Agents are alike, and each claimant has a role of its own, directly below the root. All are candidates and active.
  public init(agents: Int, claimants: Int, amount: Int64 = 1000) {
    func table<Element>(_ count: Int, _ value: Element) -> UnsafeMutableBufferPointer<Element> {
      let memory = UnsafeMutableBufferPointer<Element>.allocate(capacity: max(1, count))
      memory.initialize(repeating: value)
      return memory
    }
    agentTotal = table(agents * 2, amount)
    agentFree = table(agents * 2, amount)
    clusterTotal = table(2, amount.multipliedReportingOverflow(by: Int64(agents)).partialValue)
    roleAllocated = table((claimants + 1) * 2, 0)
    claimantAllocated = table(claimants * 2, 0)
    weights = table(claimants + 1, 1000)
    parents = table(claimants + 1, 0)
    parents[0] = .max
    claimantRoles = table(claimants, 0)
    claimantFrameworks = table(claimants, 0)
    for claimant in 0..<claimants {
      claimantRoles[claimant] = UInt32(claimant + 1)
      claimantFrameworks[claimant] = UInt32(claimant)
    }
    kindFlags = table(2, 0)
    extraRoles = table(agents, .max)
    blocked = table(claimants, nil)
    candidates = Array(0..<UInt32(agents))
    active = Array(0..<UInt32(claimants))
  }

  deinit {
    for table in [agentTotal, agentFree, roleAllocated, claimantAllocated, clusterTotal, weights] { table.deallocate() }
    for table in [parents, claimantRoles, claimantFrameworks, kindFlags, extraRoles] { table.deallocate() }
    blocked.deallocate()
  }

  /// Shows a grant of all that is free, or of a part of it, in the live columns.
  public func grant(_ call: Call, part: Int64 = 1) {
    for kind in 0..<2 {
      let amount = agentFree[Int(call.agent) * 2 + kind] / part
      agentFree[Int(call.agent) * 2 + kind] -= amount
      claimantAllocated[Int(call.claimant) * 2 + kind] &+= amount
      roleAllocated[Int(claimantRoles[Int(call.claimant)]) * 2 + kind] &+= amount
    }
  }

  /// A cycle in which nobody has anything and all is free.
  func playAnew(_ policy: any AllocationPolicy) {
    claimantAllocated.update(repeating: 0)
    roleAllocated.update(repeating: 0)
    agentFree.update(repeating: 1000)
    play(policy)
  }

  /// One cycle of a policy; what it asked for.
  @discardableResult
  public func play(_ policy: any AllocationPolicy) -> (outcome: AllocationOutcome, calls: [Call]) {
    calls = []
    exceedsCallLimit = false
    var view = tepui_allocation_view()
    view.size = UInt32(MemoryLayout<tepui_allocation_view>.size)
    view.kinds = 2
    view.agents = UInt32(agentTotal.count / 2)
    view.roles = UInt32(parents.count)
    view.claimants = UInt32(claimantRoles.count)
    view.kind_flags = UnsafePointer(kindFlags.baseAddress)
    view.cluster_total = UnsafePointer(clusterTotal.baseAddress)
    view.agent_total = UnsafePointer(agentTotal.baseAddress)
    view.agent_free = UnsafePointer(agentFree.baseAddress)
    view.role_parent = UnsafePointer(parents.baseAddress)
    view.role_weight = UnsafePointer(weights.baseAddress)
    view.role_allocated = UnsafePointer(roleAllocated.baseAddress)
    view.claimant_framework = UnsafePointer(claimantFrameworks.baseAddress)
    view.claimant_role = UnsafePointer(claimantRoles.baseAddress)
    view.claimant_allocated = UnsafePointer(claimantAllocated.baseAddress)
    view.claimant_blocked = UnsafePointer(blocked.baseAddress)
    view.agent_extra_role = UnsafePointer(extraRoles.baseAddress)
    view.name = { _, _, _ in tepui_text() }
    var sink = tepui_grant_sink()
    sink.size = UInt32(MemoryLayout<tepui_grant_sink>.size)
    sink.context = Unmanaged.passUnretained(self).toOpaque()
    sink.grant = { context, agent, claimant, amounts in
      guard let context else { return TEPUI_INVALID }
      let view = Unmanaged<HandmadeView>.fromOpaque(context).takeUnretainedValue()
      guard view.calls.count < view.callLimit else {
        view.exceedsCallLimit = true
        return TEPUI_INVALID
      }
      let call = Call(agent: agent, claimant: claimant, isWhole: amounts == nil)
      view.calls.append(call)
      return view.answer(view, call)
    }
    let outcome = candidates.withUnsafeBufferPointer { candidates in
      active.withUnsafeBufferPointer { active in
        view.candidates = candidates.baseAddress
        view.candidate_count = UInt32(candidates.count)
        view.active = active.baseAddress
        view.active_count = UInt32(active.count)
        return withExtendedLifetime(self) { policy.allocate(&view, &sink) }
      }
    }
    return (outcome, calls)
  }
}
