import CTepui
import Resources

extension AllocationLedger {
  /// What grants of the running cycle have led to.
  struct OpenCycle {
    let policyID: String
    var now: Int64 = 0
    var result = AllocationCycle()
    var grantIndex: [UInt64: Int] = [:]
    /// nil when all guarantees were met at the start.
    var headroom: Headroom?
    /// In the first of two stages: only roles below their guarantee are granted anything.
    var isForGuarantees = false
  }

  /// Whether a cycle now could grant anything that the last one could not.
  public func wantsCycle(at now: Int64) -> Bool {
    considersAll || !candidates.isEmpty || filters.nextEnd.map { $0 <= now } ?? false
  }

  /// Runs one cycle of a policy over what has changed, and returns the grants that it made and that were possible.
  ///
  /// Accepted grants are in the books when this returns: each must become an offer or be recovered. The policy is not
  /// asked when nobody wants anything or nothing is there to give.
  ///
  /// `deadline` is told to the policy; both times are nanoseconds on one clock. If more than `limit` agents are worth
  /// looking at, those are drawn by lot, and the others are left to the next cycles.
  public func runCycle(
    _ policy: any AllocationPolicy, at now: Int64, deadline: Int64, candidatesAtMost limit: Int = .max
  ) -> AllocationCycle {
    for pair in filters.removeExpired(at: now) {
      judge(pair.claimant, pair.agent)
      candidates.insert(pair.agent)
    }
    judgeChanged()
    offered.removeAll()
    for agent in takeCandidates(atMost: limit) {
      offered.insert(agent)
      refreshExtraRole(agent)
    }
    guard active.count > 0, !offered.isEmpty else { return AllocationCycle() }

    open = OpenCycle(policyID: policy.id, now: now)
    cycleNumber += 1
    open?.headroom = roles.guaranteed.isEmpty ? nil : measureHeadroom()
    var outcome = AllocationOutcome.done
    if open?.headroom != nil { outcome = keepPromises(policy, at: now, deadline: deadline) }
    if outcome == .done {
      let claimants = roles.quotaCount > 0 ? active.filter(hasRoom) : active
      if !claimants.isEmpty {
        outcome = ask(policy, offering: offered.list, to: claimants, at: now, deadline: deadline)
      }
    }
    var result = open?.result ?? AllocationCycle()
    open = nil
    changed.removeAll()
    if case .failed(let reason) = outcome { result.failure = reason }
    // What went wrong may go right with the next reconsideration.
    if result.failure != nil || result.invalidCount > 0 { changedSinceAll = true }
    return result
  }

  /// The first stage: agents to those who are below a guarantee, a few at a time, since a few may do.
  private func keepPromises(_ policy: any AllocationPolicy, at now: Int64, deadline: Int64) -> AllocationOutcome {
    open?.isForGuarantees = true
    defer { open?.isForGuarantees = false }
    var rest = offered.list[...]
    while !rest.isEmpty {
      let promised = active.filter(isBelowGuarantee)
      if promised.isEmpty { break }
      let few = Array(rest.prefix(max(64, 2 * promised.count)))
      rest = rest.dropFirst(few.count)
      let outcome = ask(policy, offering: few, to: promised, at: now, deadline: deadline)
      if outcome != .done { return outcome }
    }
    return .done
  }

  private func ask(
    _ policy: any AllocationPolicy, offering agents: [UInt32], to claimants: Column<UInt32>, at now: Int64,
    deadline: Int64
  ) -> AllocationOutcome {
    let seed = random.next()
    return withView(at: now, deadline: deadline, seed: seed, candidates: agents, active: claimants) { view, sink in
      policy.allocate(view, sink)
    }
  }

  /// The agents worth looking at, shuffled so that none is always first.
  private func takeCandidates(atMost limit: Int) -> [UInt32] {
    var list = (considersAll ? offerable.members : candidates.list)
      .filter { offerable.contains($0) && isForSomebody($0) }
    if considersAll {
      considersAll = false
      changedSinceAll = false
    }
    candidates.removeAll()
    list.shuffle(using: &random)
    for agent in list.dropFirst(limit) { candidates.insert(agent) }
    return Array(list.prefix(limit))
  }

  func withView<Result>(
    at now: Int64, deadline: Int64, seed: UInt64, candidates: [UInt32], active: Column<UInt32>,
    _ body: (UnsafePointer<tepui_allocation_view>, UnsafePointer<tepui_grant_sink>) -> Result
  ) -> Result {
    var view = tepui_allocation_view()
    view.size = UInt32(MemoryLayout<tepui_allocation_view>.size)
    view.kinds = UInt32(kindNames.count)
    view.agents = agentIDs.count
    view.roles = roles.count
    view.claimants = claimantIDs.count
    view.cycle = cycleNumber
    view.seed = seed
    view.now_ns = now
    view.deadline_ns = deadline
    view.active = active.pointer
    view.active_count = UInt32(active.count)
    view.kind_flags = kindFlags.pointer
    view.cluster_total = clusterTotal.pointer
    view.agent_total = agentTotal.pointer
    view.agent_free = agentFree.pointer
    view.role_parent = roles.parents.pointer
    view.role_weight = roles.weights.pointer
    view.role_allocated = roles.allocated.pointer
    view.claimant_framework = claimantFramework.pointer
    view.claimant_role = claimantRole.pointer
    view.claimant_allocated = claimantAllocated.pointer
    view.claimant_blocked = blocked.pointer
    let context = Unmanaged.passUnretained(self).toOpaque()
    view.context = context
    view.name = nameInView
    view.agent_extra_role = agentExtraRole.pointer
    var sink = tepui_grant_sink()
    sink.size = UInt32(MemoryLayout<tepui_grant_sink>.size)
    sink.context = context
    sink.grant = grantThroughSink
    return candidates.withUnsafeBufferPointer { candidates in
      changed.list.withUnsafeBufferPointer { changed in
        view.candidates = candidates.baseAddress
        view.candidate_count = UInt32(candidates.count)
        view.changed_agents = changed.baseAddress
        view.changed_agent_count = UInt32(changed.count)
        return withUnsafePointer(to: view) { view in withUnsafePointer(to: sink) { body(view, $0) } }
      }
    }
  }

  func name(_ what: UInt32, _ id: UInt32) -> tepui_text {
    switch Int32(bitPattern: what) {
    case TEPUI_NAME_KIND: kindTexts[id]
    case TEPUI_NAME_AGENT: agentNames[id]
    case TEPUI_NAME_FRAMEWORK: frameworkNames[id]
    case TEPUI_NAME_ROLE: roles.names[id]
    default: tepui_text()
    }
  }
}

private let nameInView: @convention(c) (UnsafeMutableRawPointer?, UInt32, UInt32) -> tepui_text = { context, what, id in
  guard let context else { return tepui_text() }
  return Unmanaged<AllocationLedger>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.name(what, id) }
}

private let grantThroughSink:
  @convention(c) (UnsafeMutableRawPointer?, UInt32, UInt32, UnsafePointer<Int64>?) -> tepui_status = {
    context, agent, claimant, amounts in
    guard let context else { return TEPUI_INVALID }
    return Unmanaged<AllocationLedger>.fromOpaque(context)._withUnsafeGuaranteedRef {
      $0.grant(agent: agent, claimant: claimant, amounts: amounts)
    }
  }
