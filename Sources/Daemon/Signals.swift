import Dispatch
import Glibc

/// Turns signals into calls. Keep it for as long as signals are to be handled.
public final class Signals {
  private var sources: [any DispatchSourceSignal] = []

  /// Calls `handler` with the number of each of these signals, on a queue of Dispatch, and ignores SIGPIPE: a peer that
  /// goes away is an error of the write, not the end of the program.
  public init(_ numbers: [Int32], handler: @escaping @Sendable (Int32) -> Void) {
    signal(SIGPIPE, SIG_IGN)
    for number in numbers {
      // The default action would still end the process.
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number)
      source.setEventHandler { handler(number) }
      source.activate()
      sources.append(source)
    }
  }

  deinit {
    for source in sources { source.cancel() }
  }
}
