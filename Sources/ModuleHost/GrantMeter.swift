import CTepui

/// Stands between a policy and the ledger's sink: counts grants that can never be, and is shut outside of a cycle.
final class GrantMeter {
  let sink: UnsafePointer<tepui_grant_sink>
  private let memory = UnsafeMutablePointer<tepui_grant_sink>.allocate(capacity: 1)
  private var target: UnsafePointer<tepui_grant_sink>?
  private var invalid = 0
  let door = SinkDoor()

  init() {
    sink = UnsafePointer(memory)
    memory.initialize(to: tepui_grant_sink())
    memory.pointee.size = UInt32(MemoryLayout<tepui_grant_sink>.size)
    memory.pointee.context = Unmanaged.passUnretained(self).toOpaque()
    memory.pointee.grant = { context, agent, claimant, amounts in
      guard let context else { return TEPUI_INVALID }
      return Unmanaged<GrantMeter>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.grant(agent, claimant, amounts) }
    }
  }

  deinit { memory.deallocate() }

  func open(_ target: UnsafePointer<tepui_grant_sink>) {
    self.target = target
    invalid = 0
    door.open()
  }

  func close() -> Int {
    door.close()
    target = nil
    return invalid
  }

  private func grant(_ agent: UInt32, _ claimant: UInt32, _ amounts: UnsafePointer<Int64>?) -> tepui_status {
    guard door.admits(), let target, let grant = target.pointee.grant else { return TEPUI_INVALID }
    let status = grant(target.pointee.context, agent, claimant, amounts)
    if status == TEPUI_INVALID { invalid += 1 }
    return status
  }
}
