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
  private let state = Mutex((statistics: ModuleStatistics(), misuse: 0))

  var current: ModuleStatistics { state.withLock { $0.statistics } }

  /// Counts one call and says whether it overran `deadlineNs`.
  ///
  /// - Parameters:
  ///   - refusals: of this call.
  ///   - misuse: of the module's sinks since it was loaded. What came to it since the last call was refused, too: it
  ///     has come through no open door, so that no call knows of it.
  func count(_ answer: ModuleAnswer, deadlineNs: Int64, refusals: Int, misuse: SinkMisuse) -> Bool {
    let overran = answer.elapsedNs > deadlineNs
    state.withLock {
      $0.statistics.calls += 1
      $0.statistics.totalNs += answer.elapsedNs
      $0.statistics.refusals += refusals + misuse.total - $0.misuse
      $0.misuse = misuse.total
      if !answer.isDone { $0.statistics.failures += 1 }
      if overran { $0.statistics.overruns += 1 }
    }
    return overran
  }
}
