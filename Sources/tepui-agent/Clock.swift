import Glibc

/// Nanoseconds since the epoch that never go back: the wall clock at the start, and from then on the time that passed.
struct Clock: Sendable {
  private let offset: Int64

  init() {
    offset = Self.read(CLOCK_REALTIME) - Self.read(CLOCK_MONOTONIC)
  }

  var nanoseconds: Int64 { Self.read(CLOCK_MONOTONIC) + offset }

  var seconds: Double { Double(nanoseconds) / 1e9 }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
