import TepuiModule

/// Dominant resource fairness over the tree of roles: each agent goes, whole, to the claimant that is furthest behind.
///
/// The share of a role or claimant is the largest fraction that it has of any resource of the cluster (Ghodsi et al.,
/// "Dominant Resource Fairness", NSDI 2011, section 4), divided by the weight of the role. From the root down the child
/// with the smallest share is taken, at last the claimant with the smallest share.
struct DRF: Allocator {
  static let descriptor = Descriptor(
    id: "org.tepui.drf", version: "0.1.0", author: "The Tepui authors", licence: "Apache-2.0",
    summary: "Shares the cluster fairly among roles and frameworks by weighted dominant resource fairness.")

  private var turns = Turns()

  init(parameters: Parameters, log: Log) throws {}

  mutating func allocate(_ view: AllocationView, _ grants: Grants) {
    turns.follow(view)
    var tree = ShareTree(view, turns)
    for agent in view.candidates {
      if let claimant = tree.place(agent, grants) { turns.count(claimant, view) }
    }
  }
}

/// How often each role and claimant was offered something. Among equal shares the one with fewer offers is next: so a
/// framework that declines, and keeps a share of zero, does not stand before others for ever.
struct Turns {
  private(set) var ofRole: [UInt64] = []
  private(set) var ofClaimant: [UInt64] = []

  /// Makes room for the view's ids and forgets what an id meant that is free again.
  mutating func follow(_ view: AllocationView) {
    ofRole += repeatElement(0, count: max(0, view.roleCount - ofRole.count))
    ofClaimant += repeatElement(0, count: max(0, view.claimantCount - ofClaimant.count))
    for id in 0..<view.claimantCount where view.framework(Claimant(id: UInt32(id))) == nil { ofClaimant[id] = 0 }
  }

  mutating func count(_ claimant: Claimant, _ view: AllocationView) {
    ofClaimant[Int(claimant.id)] += 1
    var role: Role? = view.role(claimant)
    while let above = role {
      ofRole[Int(above.id)] += 1
      role = view.parent(above)
    }
  }
}

@c(tepui_module_entry)
public func entry(host: HostPointer, module: ModulePointer, error: ErrorPointer) -> tepui_status {
  export(DRF.self, host, module, error)
}
