import CTepui
import Glibc

/// How a call into a module ended.
struct ModuleAnswer {
  let status: tepui_status
  /// What the module wrote; empty if nothing.
  let text: String
  let elapsedNs: Int64

  var isDone: Bool { status == TEPUI_OK }

  /// The reason for a status other than TEPUI_OK, for a message.
  var reason: String {
    if !text.isEmpty { return text }
    switch status {
    case TEPUI_REFUSED: return "refused, without a reason"
    case TEPUI_INVALID: return "found something invalid, without saying what"
    case TEPUI_UNSUPPORTED: return "does not support this, without a reason"
    case TEPUI_FAILED: return "failed, without a reason"
    default: return "answered status \(status), which the ABI does not define"
    }
  }
}

/// Calls a module with room for an error text and takes the time.
///
/// What comes back in the error is believed only as far as our own memory goes: a length beyond the capacity is cut
/// and a changed pointer ignored.
func callModule(_ body: (UnsafeMutablePointer<tepui_error>) -> tepui_status) -> ModuleAnswer {
  let capacity = 1024
  return withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { memory in
    memory.initialize(repeating: 0)
    var error = tepui_error(
      size: UInt32(MemoryLayout<tepui_error>.size), capacity: UInt32(capacity), length: 0, text: memory.baseAddress)
    let start = monotonicNs()
    let status = body(&error)
    let elapsedNs = monotonicNs() - start
    let written = UnsafeRawBufferPointer(memory).prefix(Int(min(error.length, UInt32(capacity))))
    return ModuleAnswer(status: status, text: oneLine(written.prefix { $0 != 0 }), elapsedNs: elapsedNs)
  }
}

/// Text of a module made fit for one line of a log.
func oneLine(_ bytes: some Sequence<UInt8>) -> String {
  String(decoding: bytes.map { $0 < 0x20 || $0 == 0x7f ? UInt8(ascii: " ") : $0 }, as: UTF8.self)
}

func monotonicNs() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
