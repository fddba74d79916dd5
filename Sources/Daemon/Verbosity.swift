import Dispatch
import Synchronization

/// The logging level that the operator API sets for a while: 0 is what `--logging_level` says, anything above also shows
/// lines of level DEBUG. Any thread.
public enum Verbosity {
  private static let current = Atomic<UInt32>(0)
  /// Counts changes, so that the end of an earlier one can be told.
  private static let changes = Atomic<UInt64>(0)

  public static var level: UInt32 { current.load(ordering: .relaxed) }

  /// Sets the level, and back to 0 after a time, unless it is set again before.
  public static func set(_ level: UInt32, forNanoseconds duration: Int64) {
    current.store(level, ordering: .relaxed)
    let change = changes.wrappingAdd(1, ordering: .relaxed).newValue
    guard level > 0 else { return }
    let longest: Int64 = 365 * 86_400 * 1_000_000_000
    let wait = DispatchTimeInterval.nanoseconds(Int(max(0, min(duration, longest))))
    DispatchQueue.global().asyncAfter(deadline: .now() + wait) {
      if changes.load(ordering: .relaxed) == change { current.store(0, ordering: .relaxed) }
    }
  }
}
