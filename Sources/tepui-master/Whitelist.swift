import Dispatch
import FoundationEssentials
import NIOCore

/// A file with the host names of the agents to offer, one a line; `*` alone stands for all.
struct Whitelist: Sendable {
  static let all = "*"
  private static let pollInterval = TimeAmount.seconds(5)
  private static let queue = DispatchQueue(label: "org.tepui.master.whitelist")

  let path: String

  /// nil if `flag` names no file: all agents are offered.
  init?(flag: String) {
    guard flag != Self.all else { return nil }
    path = flag.hasPrefix("file://") ? String(flag.dropFirst("file://".count)) : flag
  }

  struct Unreadable: Error, CustomStringConvertible {
    let path: String

    var description: String {
      "--whitelist: \(path) cannot be read; it must be a text file with a host name on each line, or * alone for all"
    }
  }

  /// The hosts in it; nil for all. An empty file lists no host.
  func read() throws(Unreadable) -> Set<String>? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { throw Unreadable(path: path) }
    let hosts = text.split(whereSeparator: \.isNewline).map { $0.filter { !$0.isWhitespace } }.filter { !$0.isEmpty }
    return hosts == [Self.all] ? nil : Set(hosts)
  }

  /// Reads it every few seconds, off the loop, and tells the master.
  func watch(for daemon: MasterDaemon) {
    daemon.eventLoop.scheduleRepeatedTask(initialDelay: Self.pollInterval, delay: Self.pollInterval) { _ in
      Self.queue.async { read(for: daemon) }
    }
  }

  private func read(for daemon: MasterDaemon) {
    do throws(Unreadable) {
      let hosts = try read()
      daemon.eventLoop.execute { daemon.handle(.whitelist(hosts)) }
    } catch {
      daemon.logger.warning("\(error); the hosts that were read before stay listed")
    }
  }
}
