import NIOCore

/// One timer of an event loop, set anew as often as needed. Belongs to the loop.
///
/// NIO still runs a task that is cancelled in the very turn in which it is due, when that turn has taken it from the
/// queue already. Here whatever was set before `set` or `cancel` does not run after it.
public final class LoopTimer {
  private let eventLoop: any EventLoop
  private var task: Scheduled<Void>?
  private var generation: UInt64 = 0
  /// When it is due; nil while it is not set.
  public private(set) var deadline: NIODeadline?

  public init(on eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  public func set(to deadline: NIODeadline, _ body: @escaping () -> Void) {
    cancel()
    self.deadline = deadline
    let generation = generation
    task = eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
      guard let self, self.generation == generation else { return }
      cancel()
      body()
    }
  }

  public func set(in wait: TimeAmount, _ body: @escaping () -> Void) { set(to: .now() + wait, body) }

  public func cancel() {
    generation += 1
    task?.cancel()
    (task, deadline) = (nil, nil)
  }

  deinit { task?.cancel() }
}
