import CTepui
import Dispatch
import Resources
import Synchronization

/// Tells of a call into a module that does not return. Nothing can end such a call without harm to the process, but who
/// runs it shall know why it stands still.
final class CallWatch: Sendable {
  private struct Call {
    var what: String
    var beganNs: Int64
    var limitNs: Int64
    var isTold = false
  }

  private let call = Mutex<Call?>(nil)
  private let host: HostTable
  private let consequence: String

  /// - Parameter consequence: what does not go on meanwhile, for the log.
  init(_ host: HostTable, consequence: String) {
    self.host = host
    self.consequence = consequence
    Self.watches.withLock { $0.append(Weak(self)) }
    _ = Self.timer
  }

  /// Makes a call that may take `limitNs`. Calls do not overlap.
  func during(
    _ what: String, limitNs: Int64, _ body: (UnsafeMutablePointer<tepui_error>) -> tepui_status
  ) -> ModuleAnswer {
    call.withLock { $0 = Call(what: what, beganNs: monotonicNs(), limitNs: limitNs) }
    defer { call.withLock { $0 = nil } }
    return callModule(body)
  }

  private func look() {
    let overdue = call.withLock { call -> (what: String, ns: Int64)? in
      guard let current = call, !current.isTold, monotonicNs() - current.beganNs > current.limitNs else { return nil }
      call?.isTold = true
      return (current.what, monotonicNs() - current.beganNs)
    }
    guard let overdue else { return }
    let duration = DurationText.text(nanoseconds: overdue.ns / 1_000_000 * 1_000_000)
    host.write(
      .error,
      "\(overdue.what) has not returned for \(duration); \(consequence) until it does; if it never does, restart without it"
    )
  }

  // MARK: All of the process

  private struct Weak: @unchecked Sendable {
    weak var watch: CallWatch?

    init(_ watch: CallWatch) { self.watch = watch }
  }

  private static let watches = Mutex<[Weak]>([])

  /// Once a second, and with the first watch.
  nonisolated(unsafe) private static let timer: any DispatchSourceTimer = {
    let timer = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
    timer.schedule(deadline: .now() + 1, repeating: 1, leeway: .milliseconds(100))
    timer.setEventHandler {
      let all = watches.withLock { list in
        list.removeAll { $0.watch == nil }
        return list.compactMap(\.watch)
      }
      for watch in all { watch.look() }
    }
    timer.resume()
    return timer
  }()
}
