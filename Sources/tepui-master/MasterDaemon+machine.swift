import Glibc
import MasterCore

/// What the core must not ask for itself: time, chance and the machine.
extension MasterDaemon {
  static func now() -> Instant {
    Instant(
      monotonicNs: nanoseconds(CLOCK_MONOTONIC), epochSeconds: Double(nanoseconds(CLOCK_REALTIME) / 1000) / 1e6)
  }

  private static func nanoseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  static func machineName() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
