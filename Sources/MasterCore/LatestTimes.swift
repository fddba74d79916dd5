/// The latest so many durations, in milliseconds, and what is told of them.
public struct LatestTimes: Sendable {
  private let capacity: Int
  private var latest: [Double] = []
  private var oldest = 0
  /// Of all that were ever added.
  public private(set) var count = 0

  public init(capacity: Int) {
    self.capacity = capacity
  }

  public mutating func add(_ milliseconds: Double) {
    count += 1
    if latest.count < capacity {
      latest.append(milliseconds)
    } else {
      latest[oldest] = milliseconds
      oldest = (oldest + 1) % capacity
    }
  }

  private static let quantiles = [
    ("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999), ("p9999", 0.9999),
  ]

  /// As Mesos tells its timers in /metrics/snapshot (protocol fact 152): the last under the name itself.
  public func figures(_ name: String) -> [String: Double] {
    var values = ["\(name)/count": Double(count)]
    let sorted = latest.sorted()
    guard let least = sorted.first, let most = sorted.last else { return values }
    values[name] = latest[(oldest + latest.count - 1) % latest.count]
    values["\(name)/min"] = least
    values["\(name)/max"] = most
    for (quantile, share) in Self.quantiles {
      values["\(name)/\(quantile)"] = sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }
    return values
  }
}
