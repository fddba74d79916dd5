import Dispatch
import Glibc
import Logging
import MasterCore
import NIOCore
import Storage

/// Writes the registry off the loop. While one transaction is under way the next changes gather and are then written
/// together, so a burst costs few syncs. Belongs to the event loop.
final class RegistryWriter: @unchecked Sendable {
  private let store: RecordStore?
  private let eventLoop: any EventLoop
  private let logger: Logger
  private let written: (UInt64) -> Void
  private let queue = DispatchQueue(label: "org.tepui.master.registry")
  private var waiting: [(number: UInt64, changes: [RegistryChange])] = []
  private var isWriting = false
  private var times = LatestTimes(capacity: 1000)
  /// Of the load at the start.
  private let fetchMs: Double

  /// - Parameters:
  ///   - store: nil keeps the registry in memory only.
  ///   - fetchMs: how long reading it took at the start.
  ///   - written: called on the loop, in order, with the number of each write that is safe.
  init(
    _ store: RecordStore?, fetchedIn fetchMs: Double, on eventLoop: any EventLoop, logger: Logger,
    written: @escaping (UInt64) -> Void
  ) {
    self.fetchMs = fetchMs
    self.store = store
    self.eventLoop = eventLoop
    self.logger = logger
    self.written = written
  }

  func write(_ number: UInt64, _ changes: [RegistryChange]) {
    waiting.append((number, changes))
    guard !isWriting else { return }
    isWriting = true
    // What else this turn wants written goes along.
    eventLoop.assumeIsolated().execute { [self] in writeWaiting() }
  }

  private func writeWaiting() {
    let group = waiting
    waiting = []
    guard !group.isEmpty else {
      isWriting = false
      return
    }
    let changes = group.flatMap(\.changes).map(RecordStore.Change.init)
    let numbers = group.map(\.number)
    let begin = NIODeadline.now()
    queue.async { [self] in
      do { try store?.apply(changes) } catch {
        // Going on would promise what the next master could not keep.
        logger.critical("Ending, because the registry cannot be written: \(error)")
        exit(EXIT_FAILURE)
      }
      eventLoop.execute { [self] in
        times.add(Double((NIODeadline.now() - begin).nanoseconds) / 1e6)
        for number in numbers { written(number) }
        writeWaiting()
      }
    }
  }
}

extension RegistryWriter {
  /// Under the names of Mesos' registrar, whose replicated log is a database of one machine here.
  var figures: [String: Double] {
    times.figures("registrar/state_store_ms").merging([
      "registrar/queued_operations": Double(waiting.count), "registrar/state_fetch_ms": fetchMs,
      "registrar/log/ensemble_size": 1, "registrar/log/recovered": 1,
    ]) { $1 }
  }
}

extension RecordStore.Change {
  fileprivate init(_ change: RegistryChange) {
    switch change {
    case .put(let key, let value): self = .put(key: key, value: value)
    case .delete(let key): self = .delete(key: key)
    }
  }
}
