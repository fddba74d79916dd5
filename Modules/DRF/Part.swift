import TepuiModule

/// A part of what is free on an agent, for offers that leave something to others.
///
/// All kinds are divided alike, so that no part has CPUs without memory: by the number of whole parts that the scarcest
/// kind still has. What is too little to be divided is no part; it goes as it is.
struct Part {
  let amounts: [Int64]
  /// What is free when the part is granted as it is.
  private let rest: [Int64]

  /// Nil when all that is free should go at once.
  init?(of agent: Agent, parts: Int64, in view: AllocationView) {
    guard parts > 1 else { return nil }
    let (free, total) = (view.free(agent), view.total(agent))
    let kinds = (0..<UInt32(free.count)).map(Kind.init(id:))
    var pieces = parts
    for kind in kinds where free[kind] > 0 {
      pieces = min(pieces, free[kind] / max(1, total[kind] / parts))
    }
    guard pieces > 1 else { return nil }
    // Rounded up, so that the last piece is not larger than the others.
    amounts = kinds.map { free[$0] > 0 ? (free[$0] - 1) / pieces + 1 : 0 }
    rest = zip(kinds, amounts).map { free[$0] - $1 }
  }

  /// Whether the host granted it without cutting anything off.
  func isTaken(from agent: Agent, in view: AllocationView) -> Bool {
    let free = view.free(agent)
    return rest.indices.allSatisfy { free[Kind(id: UInt32($0))] == rest[$0] }
  }
}

extension Grants {
  /// Offers a part of an agent, or all that is free there when it is nil.
  func offer(_ agent: Agent, to claimant: Claimant, _ part: Part?) -> Answer {
    if let part { offer(agent, to: claimant, amounts: part.amounts) } else { offer(agent, to: claimant) }
  }
}
