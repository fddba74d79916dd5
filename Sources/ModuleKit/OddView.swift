import Allocation
import CTepui
import ModuleHost

/// A view that no sane ledger makes, and what a policy must still do with it: return, and ask within bounds.
struct OddView {
  let name: String
  /// Grants that may be asked for in one cycle.
  let bound: Int
  let make: @Sendable () -> HandmadeView

  var check: Check {
    Check(name: "copes with \(name)") { subject in
      let policy = try subject.makeAllocator()
      for cycle in 1...3 {
        let view = make()
        view.callLimit = bound
        let (outcome, _) = view.play(policy)
        try require(
          !view.exceedsCallLimit,
          "cycle \(cycle): it called grant more than \(bound) times; after a refusal go on to the next claimant or agent"
        )
        if case .failed(let reason) = outcome { return ["its allocate fails then: \(reason)"] }
      }
      return []
    }
  }

  /// Several times each pair of candidate and claimant.
  private init(_ name: String, agents: Int, claimants: Int, _ change: @escaping @Sendable (HandmadeView) -> Void) {
    self.init(name, agents: agents, claimants: claimants, amount: 1000, change)
  }

  private init(
    _ name: String, agents: Int, claimants: Int, amount: Int64, _ change: @escaping @Sendable (HandmadeView) -> Void
  ) {
    self.name = name
    bound = 16 * (agents + 1) * (claimants + 1)
    make = {
      let view = HandmadeView(agents: agents, claimants: claimants, amount: amount)
      change(view)
      return view
    }
  }

  static let all: [OddView] =
    [
      OddView("no agents", agents: 0, claimants: 3) { _ in },
      OddView("no claimants", agents: 3, claimants: 0) { _ in },
      OddView("nothing free", agents: 3, claimants: 3) { $0.agentFree.update(repeating: 0) },
      OddView("a cluster whose totals are zero", agents: 3, claimants: 4) {
        $0.clusterTotal.update(repeating: 0)
        $0.agentTotal.update(repeating: 0)
      },
      OddView("roles nested 30000 deep", agents: 3, claimants: 30_000) { view in
        for role in 1...30_000 { view.parents[role] = UInt32(role - 1) }
        view.active = [0, 15_000, 29_999]
      },
      OddView("roles in a circle and roles out of range", agents: 3, claimants: 6) { view in
        (view.parents[1], view.parents[2], view.parents[3], view.parents[4]) = (2, 1, 3, 4_000_000_000)
        view.claimantRoles[5] = 77
        view.active = [0, 1, 2, 3, 5]
        view.answer = { _, _ in TEPUI_OK }
      },
      OddView("a host that grants and shows nothing", agents: 5, claimants: 7) { $0.answer = { _, _ in TEPUI_OK } },
      OddView("grants that are cut", agents: 4, claimants: 7) { view in
        view.answer = { view, call in
          view.grant(call, part: 2)
          return TEPUI_OK
        }
      },
      OddView("ids that are listed twice", agents: 2, claimants: 2) { view in
        view.candidates = [1, 1, 0, 1]
        view.active = [0, 0, 1, 1]
        view.answer = { _, _ in TEPUI_OK }
      },
      OddView("reservations for roles that nobody has", agents: 2, claimants: 5) { view in
        view.agentFree.update(repeating: 0)
        view.extraRoles.update(repeating: 99)
      },
    ]
    + [0, 1, .max, -1, .min].map { (amount: Int64) in
      OddView("amounts of \(amount)", agents: 3, claimants: 4, amount: amount) { view in
        for table in [view.clusterTotal, view.claimantAllocated, view.roleAllocated] { table.update(repeating: amount) }
        // Live columns would overflow.
        view.answer = { _, _ in TEPUI_OK }
      }
    }
    + [1, 1_000_000_000_000, .max, 0, -1, .min].map { (weight: Int64) in
      OddView("a role of weight \(weight)", agents: 20, claimants: 4) { $0.weights[2] = weight }
    }
    + [TEPUI_REFUSED, TEPUI_INVALID, TEPUI_UNSUPPORTED, TEPUI_FAILED, -7].map { status in
      OddView("a host that answers every grant with status \(status)", agents: 5, claimants: 7) {
        $0.answer = { _, _ in status }
      }
    }
}
