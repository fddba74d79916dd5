import Glibc
import Synchronization

/// The door of a sink: open for the thread that calls the module, until the call returns. What comes later or from
/// another thread is turned away and counted, so that a module which kept a sink does no harm.
final class SinkDoor: Sendable {
  /// The thread that it is open for; 0 for none.
  private let thread = Atomic<pthread_t>(0)
  private let lateCalls = Atomic(0)
  private let foreignCalls = Atomic(0)

  func open() { thread.store(pthread_self(), ordering: .releasing) }
  func close() { thread.store(0, ordering: .releasing) }

  /// Whether a call of a function of the sink may come in.
  func admits() -> Bool {
    let thread = thread.load(ordering: .acquiring)
    if thread == pthread_self() { return true }
    if thread == 0 { lateCalls.add(1, ordering: .relaxed) } else { foreignCalls.add(1, ordering: .relaxed) }
    return false
  }

  var misuse: SinkMisuse {
    SinkMisuse(late: lateCalls.load(ordering: .relaxed), foreign: foreignCalls.load(ordering: .relaxed))
  }
}

/// Calls of a sink that can never be right; each was answered with TEPUI_INVALID.
public struct SinkMisuse: Equatable, Sendable {
  /// Outside of the call that the sink was lent for.
  public var late: Int
  /// During it, from another thread.
  public var foreign: Int

  public var total: Int { late + foreign }

  static func + (left: Self, right: Self) -> Self {
    Self(late: left.late + right.late, foreign: left.foreign + right.foreign)
  }
}
