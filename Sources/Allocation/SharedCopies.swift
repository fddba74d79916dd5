import Resources

/// Who holds copies of shared volumes, and how many: any number of tasks and offers may use one, and it counts once for
/// whoever holds some of it.
struct SharedCopies {
  enum Holder: Hashable {
    case claimant(UInt32)
    case role(UInt32)
  }

  private struct Holding: Hashable {
    let holder: Holder
    let agent: UInt32
    let volume: Resource
  }

  private var counts: [Holding: Int] = [:]

  /// Notes a copy more; answers whether it is the first one.
  mutating func add(_ volume: Resource, on agent: UInt32, to holder: Holder) -> Bool {
    let holding = Holding(holder: holder, agent: agent, volume: volume)
    counts[holding, default: 0] += 1
    return counts[holding] == 1
  }

  /// Notes a copy less; answers whether it was the last one. One that nobody has is not taken.
  mutating func remove(_ volume: Resource, on agent: UInt32, from holder: Holder) -> Bool {
    let holding = Holding(holder: holder, agent: agent, volume: volume)
    guard let count = counts[holding] else { return false }
    counts[holding] = count == 1 ? nil : count - 1
    return count == 1
  }

  mutating func forget(agent: UInt32) { counts = counts.filter { $0.key.agent != agent } }

  mutating func forget(claimant: UInt32) { counts = counts.filter { $0.key.holder != .claimant(claimant) } }
}

extension AllocationLedger {
  func chargeShared(_ volumes: Resources, on agent: UInt32, to claimant: UInt32) {
    for volume in volumes.unallocated() {
      withAmounts(of: Resources(volume)) { amounts in
        if shared.add(volume, on: agent, to: .claimant(claimant)) { claimantAllocated.add(amounts, to: claimant) }
        roles.forEachUpwards(from: claimantRole[claimant]) { role in
          if shared.add(volume, on: agent, to: .role(role)) { roles.allocated.add(amounts, to: role) }
        }
      }
    }
  }

  func dischargeShared(_ volumes: Resources, on agent: UInt32, from claimant: UInt32) {
    for volume in volumes.unallocated() {
      withAmounts(of: Resources(volume)) { amounts in
        if shared.remove(volume, on: agent, from: .claimant(claimant)) {
          claimantAllocated.subtract(amounts, from: claimant)
        }
        roles.forEachUpwards(from: claimantRole[claimant]) { role in
          if shared.remove(volume, on: agent, from: .role(role)) { roles.allocated.subtract(amounts, from: role) }
        }
      }
    }
  }
}
