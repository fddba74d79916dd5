import CTepui
import Resources

/// Why a framework gets offers in a role, or gets none, at the moment of asking.
public struct Explanation: Sendable {
  /// What keeps an agent from a claimant, or does not.
  public enum Reason: String, CaseIterable, Sendable {
    /// The agent is disconnected, deactivated, draining or the like.
    case agentNotOffered = "agent not offered"
    case nothingFree = "nothing free"
    case reservedForOthers = "reserved for others"
    case filtered = "refused by the framework"
    case gpusKept = "has GPUs, which the framework does not ask for"
    case regionKept = "in another region, which the framework does not ask for"
    case constraints = "excluded by offer constraints"
    case belowMinimum = "less than the smallest offer"
    case quota = "held back by quota"
    /// Nothing of the host: the policy prefers others, or has not been asked since.
    case behindOthers = "behind others in the order of the policy"
  }

  public enum Want: String, Sendable {
    case active
    case suppressed
    case disconnected
    /// It holds something in a role that it has left.
    case left = "not in the role any more"
  }

  public struct ByRole: Sendable {
    public let role: String
    public let want: Want
    /// Agents by reason, in the order of the reasons; none that is zero.
    public let agents: [(reason: Reason, count: Int)]
    /// On the clock of the cycles; nil if there was none.
    public let lastGrantNs: Int64?
    public let grantCount: UInt64
    public let allocated: [(name: String, amount: Quantity)]
    /// In the policy's words, with a number each; empty when it does not explain itself.
    public let policyReasons: [(text: String, count: UInt64)]
  }

  public let roles: [ByRole]
  public let cycle: UInt64
  public let lastCycleNs: Int64?
}

extension AllocationLedger {
  /// Judges every agent for a framework, as a cycle would. Costs time only now; cycles keep nothing for it but the time
  /// of the last grant.
  public func explain(framework: UInt32, policy: any AllocationPolicy, at now: Int64) -> Explanation? {
    guard frameworkExists(framework), let book = frameworks[Int(framework)] else { return nil }
    judgeChanged()
    let roles = book.claimants.map { role, claimant in
      Explanation.ByRole(
        role: role, want: want(claimant), agents: countAgents(for: claimant),
        lastGrantNs: claimants[Int(claimant)]?.lastGrantNs, grantCount: claimants[Int(claimant)]?.grantCount ?? 0,
        allocated: amounts(claimantAllocated.row(claimant)),
        policyReasons: isActive(claimant) ? policyReasons(claimant, policy, at: now) : [])
    }
    return Explanation(
      roles: roles.sorted { $0.role < $1.role }, cycle: cycleNumber, lastCycleNs: policy.lastCycleNs)
  }

  private func want(_ claimant: UInt32) -> Explanation.Want {
    guard let book = claimants[Int(claimant)], book.isSubscribed else { return .left }
    if !(frameworks[Int(book.framework)]?.isActive ?? false) { return .disconnected }
    return book.isSuppressed ? .suppressed : .active
  }

  private func countAgents(for claimant: UInt32) -> [(reason: Explanation.Reason, count: Int)] {
    var counts: [Explanation.Reason: Int] = [:]
    for agent in 0..<agentIDs.count where agents[Int(agent)] != nil {
      counts[reason(claimant, agent), default: 0] += 1
    }
    return Explanation.Reason.allCases.compactMap { reason in counts[reason].map { (reason, $0) } }
  }

  func reason(_ claimant: UInt32, _ agent: UInt32) -> Explanation.Reason {
    guard let agentBook = agents[Int(agent)], agentBook.isActive, let book = claimants[Int(claimant)] else {
      return .agentNotOffered
    }
    if agentBook.free.isEmpty { return .nothingFree }
    let traits = frameworks[Int(book.framework)]?.traits ?? FrameworkTraits()
    if let reason = exclusion(claimant, agent) { return reason }
    let usable =
      agentBook.hasExtras
      ? agentBook.free.filter { $0.isUsable(by: book.role) && traits.take($0) } : agentBook.free
    if usable.isEmpty { return .reservedForOthers }
    if blocked.contains(agent, claimant: claimant) { return .filtered }
    guard isOffer(usable, to: claimant) else { return .belowMinimum }
    return isOffer(withinQuota(usable, claimant), to: claimant) ? .behindOthers : .quota
  }

  /// What quotas leave of what could be granted, in the stage for all.
  private func withinQuota(_ resources: Resources, _ claimant: UInt32) -> Resources {
    guard roles.quotaCount > 0 else { return resources }
    open = OpenCycle(policyID: "")
    open?.headroom = roles.guaranteed.isEmpty ? nil : measureHeadroom()
    defer { open = nil }
    return Resources(
      resources.compactMap { resource in
        guard resource.isPlainAmount, case .scalar(let amount) = resource.value, let kind = kind(of: resource.name)
        else { return resource }
        var left = resource
        left.value = .scalar(Quantity(thousandths: min(amount.thousandths, quotaRoom(claimant, kind))))
        return left.isEmpty ? nil : left
      })
  }

  private func policyReasons(
    _ claimant: UInt32, _ policy: any AllocationPolicy, at now: Int64
  ) -> [(text: String, count: UInt64)] {
    // Not the seed of a cycle: what was asked must not change what is granted.
    withView(at: now, deadline: now, seed: options.seed, candidates: [], active: active) { view, _ in
      policy.explain(view, claimant)
    }
  }

  private func amounts(_ row: UnsafePointer<Int64>) -> [(name: String, amount: Quantity)] {
    kindNames.indices.compactMap { kind in
      row[kind] == 0 ? nil : (kindNames[kind], Quantity(thousandths: row[kind]))
    }
  }
}
