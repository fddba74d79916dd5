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
}
