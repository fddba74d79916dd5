/// When sandboxes of the past are deleted: as Mesos does it, the fuller the disk the sooner.
public struct SandboxCollection: Equatable, Sendable {
  /// How long a sandbox stays on an empty disk (--gc_delay).
  public var delayNs: Int64
  /// The part of the disk that is to stay free (--gc_disk_headroom), 0 to 1.
  public var diskHeadroom: Double

  public init(delayNs: Int64 = 604_800_000_000_000, diskHeadroom: Double = 0.1) {
    self.delayNs = delayNs
    self.diskHeadroom = diskHeadroom
  }

  /// The age above which nothing stays: `gc_delay * max(0, 1 - gc_disk_headroom - disk usage)`, the formula of Mesos' flag
  /// gc_disk_headroom.
  ///
  /// - Parameter diskUsage: the part of the disk that is taken, 0 to 1.
  public func maxAgeNs(diskUsage: Double) -> Int64 {
    let share = max(0, min(1, 1 - diskHeadroom - diskUsage))
    // A share that is no number keeps everything.
    guard share.isFinite else { return delayNs }
    return Int64((Double(delayNs) * share).rounded(.down))
  }

  /// Whether a sandbox that nothing runs in has been there long enough.
  ///
  /// - Parameter endedNs: when its container ended, in nanoseconds since the epoch. In the future: the clock was changed.
  public func isDue(endedNs: Int64, now: Int64, diskUsage: Double) -> Bool {
    let (age, overflow) = now.subtractingReportingOverflow(endedNs)
    return overflow || (age >= 0 && age >= maxAgeNs(diskUsage: diskUsage))
  }
}

extension AgentCore {
  /// Whether the container is there, or is still to come.
  public func isLive(container id: String) -> Bool { containers[id] != nil }

  /// Where a live container has its sandbox.
  public func sandbox(ofContainer id: String) -> String? { containers[id].map { sandbox(of: $0) } }
}
