import Foundation
import Glibc

/// What the machine allows to tests.
enum Machine {
  /// Whether the mounts of this process can be made private: in a chroot they cannot.
  static let allowsMounts: Bool = {
    let mounts = (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) ?? ""
    let points = mounts.split(separator: "\n").map { $0.split(separator: " ").dropFirst(4).first }
    return geteuid() == 0 && points.contains("/")
  }()

  /// Whether this is the guest of Tests/guest/run, where tests may mount what they like.
  static let isAGuest = ProcessInfo.processInfo.environment["GUEST"] == "1"

  /// Whether cgroup v2 limits are enforced here.
  static let limits = geteuid() == 0 && handsDown(["cpu", "memory", "pids"])

  /// Likewise for a disk that is there to be written to.
  static let limitsADisk = isAGuest && handsDown(["io"])

  private static func handsDown(_ controllers: Set<String>) -> Bool {
    let file = "/sys/fs/cgroup/cgroup.subtree_control"
    let enabled = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
    return controllers.isSubset(of: Set(enabled.split(whereSeparator: \.isWhitespace).map(String.init)))
  }
}
