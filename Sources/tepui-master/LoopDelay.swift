import MasterCore
import NIOCore

/// How late the event loop is: how long something that happens now waits until the loop comes to it. A timer looks 50
/// times a second, which costs next to nothing; what is told is of the last 10 seconds.
///
/// Belongs to the loop.
final class LoopDelay {
  private static let interval = TimeAmount.milliseconds(20)
  private static let window = 500

  private let eventLoop: any EventLoop
  private var samplesMs: [Double] = []
  private var oldest = 0
  private var count = 0
  private var due = NIODeadline.now()

  init(of eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  func start() {
    due = .now() + Self.interval
    eventLoop.assumeIsolated().scheduleTask(deadline: due) { [self] in
      take(Double((NIODeadline.now() - due).nanoseconds) / 1e6)
      start()
    }
  }

  private func take(_ delayMs: Double) {
    count += 1
    if samplesMs.count < Self.window {
      samplesMs.append(delayMs)
    } else {
      samplesMs[oldest] = delayMs
      oldest = (oldest + 1) % Self.window
    }
  }

  /// Under names as in /metrics/snapshot (protocol fact 152), in milliseconds.
  var figures: ViewValue {
    let sorted = samplesMs.sorted()
    guard let last = sorted.last else { return ["event_loop/delay_ms/count": 0.0] }
    func quantile(_ share: Double) -> ViewValue {
      .number(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))])
    }
    return [
      "event_loop/delay_ms/count": .number(Double(count)), "event_loop/delay_ms/p50": quantile(0.5),
      "event_loop/delay_ms/p90": quantile(0.9), "event_loop/delay_ms/p99": quantile(0.99),
      "event_loop/delay_ms/max": .number(last),
    ]
  }
}
