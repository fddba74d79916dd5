import AgentCore
import Dispatch
import Glibc
import Logging
import NIOCore

/// Deletes the sandboxes of ended containers when they are old enough. Looks through the file system each time, so that
/// nothing has to be remembered: what an earlier agent left is found like what this one leaves.
///
/// Belongs to the loop; the file system is read and written on a queue of its own, one sandbox after the other.
final class GarbageCollector {
  struct Configuration: Sendable {
    var rules = SandboxCollection()
    var workDirectory: String
    /// Between two looks at the disk.
    var intervalNs: Int64
  }

  /// For `/metrics/snapshot`.
  struct Statistics: Sendable {
    var succeeded = 0
    var failed = 0
    var pending = 0
  }

  /// So many a turn: what is left waits for the next.
  private static let maxPerTurn = 1000

  private let configuration: Configuration
  private let loop: any EventLoop
  private let log = Logger(label: "gc")
  private let queue = DispatchQueue(label: "garbage", qos: .utility)
  private let isLive: (String) -> Bool
  private let removeParents: @Sendable ([String]) -> Void
  private(set) var statistics = Statistics()
  private let clock = Clock()

  /// - Parameters:
  ///   - isLive: whether a container is there or to come; called on the loop.
  ///   - removeParents: removes the empty directories above removed sandboxes; called on any thread.
  init(
    _ configuration: Configuration, on loop: any EventLoop, isLive: @escaping (String) -> Bool,
    removeParents: @escaping @Sendable ([String]) -> Void
  ) {
    self.configuration = configuration
    self.loop = loop
    self.isLive = isLive
    self.removeParents = removeParents
  }

  func start() {
    // A delay that is shorter than the interval is meant to be kept.
    let pauseNs = max(1_000_000_000, min(configuration.intervalNs, configuration.rules.delayNs))
    loop.assumeIsolated().scheduleTask(in: .nanoseconds(pauseNs)) { [self] in turn() }
  }

  /// Looks, chooses and deletes, and comes again.
  private func turn() {
    let this = NIOLoopBound(self, eventLoop: loop)
    let (configuration, loop, now) = (configuration, loop, clock.nanoseconds)
    queue.async {
      let look = Self.look(configuration, now: now)
      loop.execute { this.value.remove(look) }
    }
  }

  private struct Look: Sendable {
    var due: [SandboxScan.Found] = []
    /// Containers of the sandboxes that may stay.
    var others: [String] = []
  }

  private static func look(_ configuration: Configuration, now: Int64) -> Look {
    var look = Look()
    guard let usage = diskUsage(of: configuration.workDirectory) else { return look }
    SandboxScan(workDirectory: configuration.workDirectory).each { found in
      // The clock was changed, or the task did this; from now on its age counts.
      if found.endedNs > now { SandboxScan.noteEnd(of: found.path) }
      if look.due.count < maxPerTurn,
        configuration.rules.isDue(endedNs: found.endedNs, now: now, diskUsage: usage)
      {
        look.due.append(found)
      } else {
        look.others.append(found.containerID)
      }
      return true
    }
    return look
  }

  static func diskUsage(of path: String) -> Double? {
    var disk = statvfs()
    guard statvfs(path, &disk) == 0, disk.f_blocks > 0 else { return nil }
    return Double(disk.f_blocks - disk.f_bfree) / Double(disk.f_blocks)
  }

  /// What lives is known here only, now. A container that is launched later has a sandbox of its own.
  private func remove(_ look: Look) {
    let dead = look.due.filter { !isLive($0.containerID) }
    statistics.pending = dead.count + look.others.count { !isLive($0) }
    guard !dead.isEmpty else { return start() }
    let this = NIOLoopBound(self, eventLoop: loop)
    let (log, loop, removeParents) = (log, loop, removeParents)
    queue.async {
      var removed: [String] = []
      for found in dead {
        do {
          try SandboxScan.remove(found.path)
          removed.append(found.path)
          log.info("Deleted the sandbox \(found.path)")
        } catch {
          log.warning("The sandbox \(found.path) could not be deleted: \(error)")
        }
      }
      removeParents(removed)
      let counts = (removed.count, dead.count - removed.count)
      loop.execute { this.value.removed(counts.0, failed: counts.1) }
    }
  }

  private func removed(_ succeeded: Int, failed: Int) {
    statistics.succeeded += succeeded
    statistics.failed += failed
    statistics.pending -= succeeded
    start()
  }
}
