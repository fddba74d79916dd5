import CTepui

/// Collects what a policy says in one call of `explain`; shut outside of it.
final class ReasonSink {
  let pointer: UnsafePointer<tepui_reason_sink>
  private let memory = UnsafeMutablePointer<tepui_reason_sink>.allocate(capacity: 1)
  let door = SinkDoor()
  private var reasons: [(text: String, count: UInt64)] = []
  private var refusals = 0

  private static let mostReasons = 32
  private static let mostBytes = 200

  init() {
    pointer = UnsafePointer(memory)
    memory.initialize(
      to: tepui_reason_sink(
        size: UInt32(MemoryLayout<tepui_reason_sink>.size), context: nil,
        reason: { context, words, count in
          guard let context else { return TEPUI_INVALID }
          return Unmanaged<ReasonSink>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.add(words, count) }
        }))
    memory.pointee.context = Unmanaged.passUnretained(self).toOpaque()
  }

  deinit { memory.deallocate() }

  func open() {
    (reasons, refusals) = ([], 0)
    door.open()
  }

  func close() -> (reasons: [(text: String, count: UInt64)], refusals: Int) {
    door.close()
    return (reasons, refusals)
  }

  private func add(_ words: tepui_text, _ count: UInt64) -> tepui_status {
    guard door.admits() else { return TEPUI_INVALID }
    guard reasons.count < Self.mostReasons else { return TEPUI_REFUSED }
    guard let text = String(words, limit: Self.mostBytes), !text.isEmpty else {
      refusals += 1
      return TEPUI_INVALID
    }
    reasons.append((oneLine(text.utf8), count))
    return TEPUI_OK
  }
}
