import Allocation
import Resources

extension MasterCore {
  /// Why a framework got or did not get offers lately; nil when there is no such framework. O(agents), on the loop.
  public func explain(framework id: String, at now: Instant) -> ViewValue? {
    guard let framework = frameworks[id],
      let explanation = ledger.explain(framework: framework.slot, policy: policy, at: now.monotonicNs)
    else { return nil }
    let seconds = { (since: Int64) in ViewValue.number(Double(now.monotonicNs - since) / 1e9) }
    return [
      "framework_id": .text(id), "name": .text(framework.info.name), "allocator": .text(policy.id),
      "connected": .boolean(framework.stream != nil),
      "outstanding_offers": .integer(framework.offers.count),
      "waiting_for_agents": .boolean(isHoldingOffers),
      "cycle": [
        "number": .number(Double(explanation.cycle)),
        "duration_ms": explanation.lastCycleNs.map { .number(Double($0) / 1e6) } ?? .absent,
        "seconds_ago": lastCycle.map(seconds) ?? .absent,
      ],
      "agents": .object(agentsNotOffered.mapValues { .integer($0) }),
      "roles": .list(
        explanation.roles.map { role in
          [
            "role": .text(role.role), "state": .text(role.want.rawValue),
            "offers_made": .number(Double(role.grantCount)),
            "seconds_since_offer": role.lastGrantNs.map(seconds) ?? .absent,
            "allocated": .object(
              Dictionary(uniqueKeysWithValues: role.allocated.map { ($0.name, .number($0.amount.units)) })),
            "starving": .boolean(starving.contains(Starving(framework: id, role: role.role))),
            "agents_by_reason": .object(
              Dictionary(uniqueKeysWithValues: role.agents.map { ($0.reason.rawValue, .integer($0.count)) })),
            "policy": .list(
              role.policyReasons.map { ["reason": .text($0.text), "count": .number(Double($0.count))] }),
          ]
        }),
    ]
  }

  /// Of agents that are not offered to anybody, or not for long, how many are so why.
  private var agentsNotOffered: [String: Int] {
    var counts: [String: Int] = [:]
    for agent in agents.values {
      if agent.stream == nil {
        counts["disconnected", default: 0] += 1
      } else if let record = agentRecords[agent.id], record.hasDrain {
        counts[record.drain.state == .drained ? "drained" : "draining", default: 0] += 1
      } else if isDeactivated(agent.id) {
        counts["deactivated", default: 0] += 1
      }
    }
    counts["unreachable"] = agentRecords.values.count { $0.hasUnreachableSince }
    counts["down for maintenance"] = maintenance.down.count
    counts["scheduled for maintenance"] = agents.values.count { unavailability(of: $0) != nil }
    return counts.filter { $0.value > 0 }
  }

  /// A framework in a role that wants offers and got none for long.
  struct Starving: Hashable {
    let framework: String
    let role: String
  }

  /// Reports, once a spell, who wants offers and has had none for long while something fitting was free.
  func checkStarvation() {
    timers.add(.starvation, at: now.monotonicNs + MasterConfiguration.starvationCheckIntervalNs)
    guard !isHoldingOffers else { return }
    starving = starving.filter { frameworks[$0.framework] != nil }
    let since = now.monotonicNs - configuration.starvationNs
    for claimant in ledger.lookForHunger(since: since, at: now.monotonicNs) {
      guard let framework = frameworkOfSlot[claimant.framework] else { continue }
      let spell = Starving(framework: framework.id, role: claimant.role)
      guard claimant.isHungry, !framework.offers.contains(where: { offers[$0]?.role == claimant.role }) else {
        starving.remove(spell)
        continue
      }
      guard starving.insert(spell).inserted else { continue }
      metrics.starvations += 1
      log(
        .warning,
        "Framework \(framework.id) (\(framework.info.name)) has had no offer in role \(claimant.role) for "
          + "\(configuration.starvationNs / Nanoseconds.second) s, while agents with enough for it were free: "
          + "\(excuse(framework, claimant.role)); /explain?framework_id=\(framework.id) tells more")
    }
  }

  private func excuse(_ framework: Framework, _ role: String) -> String {
    let roles = ledger.explain(framework: framework.slot, policy: policy, at: now.monotonicNs)?.roles
    let reasons = roles?.first { $0.role == role }?.policyReasons.map { "\($0.text) (\($0.count))" } ?? []
    return reasons.isEmpty
      ? "the policy \(policy.id) prefers others or holds back"
      : "the policy \(policy.id) says: \(reasons.joined(separator: ", "))"
  }
}
