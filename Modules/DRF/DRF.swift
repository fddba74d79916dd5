import TepuiModule

/// Dominant resource fairness over the tree of roles: each agent goes to the claimant that is furthest behind.
///
/// The share of a role or claimant is the largest fraction that it has of any resource of the cluster (Ghodsi et al.,
/// "Dominant Resource Fairness", NSDI 2011, section 4), divided by the weight of the role. From the root down the child
/// with the smallest share is taken, at last the claimant with the smallest share. Among equals it is the one that was
/// served longest ago: so a framework that declines, and keeps a share of zero, does not stand before others for ever.
struct DRF: ExplainingAllocator {
  static let descriptor = Descriptor(
    id: "org.tepui.drf", version: "0.2.0", author: "The Tepui authors", licence: "Apache-2.0",
    summary: "Shares the cluster fairly among roles and frameworks by weighted dominant resource fairness.",
    parameters: [
      .integer(
        "parts", default: 1, in: 1...1000,
        help: "In how many parts an agent is offered: 1 offers all that is free there at once, as Mesos does.")
    ])

  private let parts: Int64
  private var history = History()

  init(parameters: Parameters, log: Log) throws {
    parts = try parameters.integer("parts")
  }

  mutating func allocate(_ view: AllocationView, _ grants: Grants) {
    history.follow(view)
    var tree = ShareTree(view, history)
    for agent in view.candidates {
      tree.begin(agent)
      while let claimant = tree.next(in: view.free(agent).isEmpty ? view.extraRole(agent) : .root) {
        let part = Part(of: agent, parts: parts, in: view)
        guard grants.offer(agent, to: claimant, part) == .granted else {
          tree.refused()
          continue
        }
        history.note(claimant)
        // Who got less than was meant would get nothing more, and who got everything has it.
        tree.granted(at: history.now, wantsMore: part?.isTaken(from: agent, in: view) ?? false)
      }
    }
  }
}

extension DRF {
  /// Shares are told in thousandths of the cluster.
  func explain(_ claimant: Claimant, _ view: AllocationView, _ reasons: Reasons) {
    var history = history
    history.follow(view)
    guard let standing = ShareTree(view, history).standing(of: claimant) else { return }
    reasons.give("claimants that are further behind, with their roles, and come first", standing.before)
    let kind = standing.kind.map { ", by its \(view.name($0))" } ?? ""
    reasons.give("its dominant share in thousandths\(kind)", Int(standing.share * 1000))
    if let lowest = standing.lowestOther { reasons.give("the lowest share of another claimant", Int(lowest * 1000)) }
    let role = view.role(claimant)
    guard role.id != Role.root.id else { return }
    reasons.give(
      "the share of role \(view.name(role).prefix(100)), divided by its weight", Int(standing.roleShare * 1000))
  }
}

/// When each claimant was last offered something, counted in grants.
struct History {
  private(set) var now: UInt64 = 0
  private var served: [UInt64] = []

  subscript(claimant: Claimant) -> UInt64 { served[Int(claimant.id)] }

  /// Makes room for the view's ids and forgets what an id meant that is free again.
  mutating func follow(_ view: AllocationView) {
    served += repeatElement(0, count: max(0, view.claimantCount - served.count))
    for id in 0..<view.claimantCount where view.framework(Claimant(id: UInt32(id))) == nil { served[id] = 0 }
  }

  mutating func note(_ claimant: Claimant) {
    now += 1
    served[Int(claimant.id)] = now
  }
}

@c(tepui_module_entry)
public func entry(host: HostPointer, module: ModulePointer, error: ErrorPointer) -> tepui_status {
  export(DRF.self, host, module, error)
}
