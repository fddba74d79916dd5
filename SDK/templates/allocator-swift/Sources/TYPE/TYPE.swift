import TepuiModule

/// The fullest agents first, so that the fewest are in use; claimants take turns.
struct @TYPE@: Allocator {
  static let descriptor = Descriptor(
    id: "@ID@", version: "0.1.0", author: "@AUTHOR@", licence: "Apache-2.0",
    summary: "Fills the fullest agents first.")

  init(parameters: Parameters, log: Log) {}

  func allocate(_ view: AllocationView, _ grants: Grants) {
    guard !view.active.isEmpty else { return }
    let turn = Int(view.cycle % UInt64(view.active.count))
    let claimants = Array(view.active[turn...]) + Array(view.active[..<turn])
    for agent in view.candidates.sorted(by: { fullness($0, view) > fullness($1, view) }) {
      for claimant in claimants where view.mayOffer(agent, to: claimant) && view.has(agent, for: claimant) {
        grants.offer(agent, to: claimant)
      }
    }
  }

  /// How much of its CPUs is in use, from 0 to 1.
  private func fullness(_ agent: Agent, _ view: AllocationView) -> Double {
    let total = view.total(agent).cpus
    return total > 0 ? 1 - Double(view.free(agent).cpus) / Double(total) : 0
  }
}

@c(tepui_module_entry)
public func entry(host: HostPointer, module: ModulePointer, error: ErrorPointer) -> tepui_status {
  export(@TYPE@.self, host, module, error)
}
