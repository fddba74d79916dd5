import NIOCore
import NIOPosix
import Testing
import Transport

@Suite struct LoopTimerTests {
  private let group = MultiThreadedEventLoopGroup.singleton

  /// Runs `body` on a loop that is then busy until everything that `body` has set is due, and tells what ran.
  private func run(_ body: @escaping @Sendable (any EventLoop, Log) -> Void) async throws -> [String] {
    let loop = group.next()
    let log = NIOLoopBoundBox.makeEmptyBox(valueType: Log.self, eventLoop: loop)
    try await loop.submit {
      let begun = NIODeadline.now()
      log.value = Log()
      body(loop, log.value ?? Log())
      while NIODeadline.now() < begun + .milliseconds(3) {}
    }.get()
    // Behind all that is due.
    try await loop.scheduleTask(in: .milliseconds(5)) {}.futureResult.get()
    return try await loop.submit { log.value?.lines ?? [] }.get()
  }

  @Test func whatIsCancelledInTheTurnInWhichItIsDueDoesNotRun() async throws {
    let lines = try await run { loop, log in
      let timer = LoopTimer(on: loop)
      loop.assumeIsolated().scheduleTask(in: .milliseconds(1)) {
        timer.cancel()
        log.lines.append("cancelled")
      }
      timer.set(in: .milliseconds(2)) { log.lines.append("fired") }
      log.keep(timer)
    }
    #expect(lines == ["cancelled"])
  }

  @Test func whatIsSetAnewInTheTurnInWhichItIsDueRunsOnce() async throws {
    let lines = try await run { loop, log in
      let timer = LoopTimer(on: loop)
      loop.assumeIsolated().scheduleTask(in: .milliseconds(1)) {
        timer.set(in: .milliseconds(1)) { log.lines.append("second") }
      }
      timer.set(in: .milliseconds(2)) { log.lines.append("first") }
      log.keep(timer)
    }
    #expect(lines == ["second"])
  }

  @Test func itTellsWhenItIsDueUntilItIs() async throws {
    let lines = try await run { loop, log in
      let timer = LoopTimer(on: loop)
      log.lines.append("\(timer.deadline == nil)")
      let deadline = NIODeadline.now() + .milliseconds(1)
      timer.set(to: deadline) { log.lines.append("\(timer.deadline == nil)") }
      log.lines.append("\(timer.deadline == deadline)")
      log.keep(timer)
    }
    #expect(lines == ["true", "true", "true"])
  }
}

private final class Log {
  var lines: [String] = []
  private var timers: [LoopTimer] = []

  func keep(_ timer: LoopTimer) { timers.append(timer) }
}
