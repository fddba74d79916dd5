import MasterCore
import NIOCore

/// How late the event loop is: how long something that happens now waits until the loop comes to it. A timer looks 50
/// times a second, which costs next to nothing; what is told is of the last 10 seconds.
///
/// Belongs to the loop.
final class LoopDelay {
  private static let interval = TimeAmount.milliseconds(20)

  private let eventLoop: any EventLoop
  private var delays = LatestTimes(capacity: 500)
  private var due = NIODeadline.now()

  init(of eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  func start() {
    due = .now() + Self.interval
    eventLoop.assumeIsolated().scheduleTask(deadline: due) { [self] in
      delays.add(Double((NIODeadline.now() - due).nanoseconds) / 1e6)
      start()
    }
  }

  var figures: [String: Double] { delays.figures("event_loop/delay_ms") }
}
