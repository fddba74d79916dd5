import Synchronization

/// What calls into a module came to since it was loaded.
public struct ModuleStatistics: Equatable, Sendable {
  public var calls = 0
  public var totalNs: Int64 = 0
  /// Calls that ended with a status other than TEPUI_OK.
  public var failures = 0
  /// Things that the module asked for and did not get, because they are never allowed.
  public var refusals = 0
  /// Calls that took longer than the module's deadline.
  public var overruns = 0

  public init() {}
}

/// Statistics that are counted on the thread of the calls and read from any other.
final class StatisticsCounter: Sendable {
  private let state = Mutex(ModuleStatistics())

  var current: ModuleStatistics { state.withLock { $0 } }

  /// Counts one call and says whether it overran `deadlineNs`.
  func count(_ answer: ModuleAnswer, deadlineNs: Int64, refusals: Int = 0) -> Bool {
    let overran = answer.elapsedNs > deadlineNs
    state.withLock {
      $0.calls += 1
      $0.totalNs += answer.elapsedNs
      $0.refusals += refusals
      if !answer.isDone { $0.failures += 1 }
      if overran { $0.overruns += 1 }
    }
    return overran
  }
}
