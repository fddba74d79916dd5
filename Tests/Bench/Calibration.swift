import ModuleKit

/// A loop of fixed work, by which bounds are told: they hold on slower and faster machines alike.
enum Calibration {
  /// Seconds of processor time that hashing and sorting a million numbers takes.
  static func seconds() -> Double {
    cpuSeconds {
      var numbers: [UInt64] = []
      var counts: [UInt64: Int] = [:]
      var state: UInt64 = 88_172_645_463_325_252
      for _ in 0..<1_000_000 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        numbers.append(state)
        counts[state & 0xFFFF, default: 0] += 1
      }
      numbers.sort()
      precondition(numbers.count + counts.count > 1_000_000)
    }
  }
}
