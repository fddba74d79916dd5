/// A set of unsigned integers as inclusive intervals, kept sorted, disjoint and coalesced (protocol fact 136).
public struct Ranges: Hashable, Sendable {
  /// Ascending; between two neighbours at least one integer is missing.
  public private(set) var intervals: [ClosedRange<UInt64>] = []

  public init() {}

  public init(_ intervals: some Sequence<ClosedRange<UInt64>>) {
    self.intervals = Ranges.coalesced(intervals.sorted { $0.lowerBound < $1.lowerBound })
  }

  /// The intervals of one resource as somebody sent it: inverted and overlapping ones are refused.
  public init(validating pairs: some Sequence<(begin: UInt64, end: UInt64)>) throws(ResourceError) {
    var sorted: [ClosedRange<UInt64>] = []
    for pair in pairs {
      guard pair.begin <= pair.end else { throw ResourceError("Invalid ranges resource: begin > end") }
      sorted.append(pair.begin...pair.end)
    }
    sorted.sort { $0.lowerBound < $1.lowerBound }
    for (left, right) in zip(sorted, sorted.dropFirst()) where left.upperBound >= right.lowerBound {
      throw ResourceError("Invalid ranges resource: overlapping ranges")
    }
    intervals = Ranges.coalesced(sorted)
  }

  public var isEmpty: Bool { intervals.isEmpty }

  /// How many integers there are; `UInt64.max` if there are more.
  public var count: UInt64 {
    intervals.reduce(0) { sum, interval in
      let (width, wide) = (interval.upperBound - interval.lowerBound).addingReportingOverflow(1)
      let (total, overflow) = sum.addingReportingOverflow(width)
      return wide || overflow ? .max : total
    }
  }

  public func contains(_ other: Ranges) -> Bool {
    var index = 0
    for wanted in other.intervals {
      while index < intervals.count, intervals[index].upperBound < wanted.upperBound { index += 1 }
      guard index < intervals.count, intervals[index].lowerBound <= wanted.lowerBound else { return false }
    }
    return true
  }

  public static func + (left: Ranges, right: Ranges) -> Ranges {
    if left.isEmpty { return right }
    if right.isEmpty { return left }
    return Ranges(left.intervals + right.intervals)
  }

  public static func - (left: Ranges, right: Ranges) -> Ranges {
    var result = Ranges()
    if left.isEmpty || left == right { return result }
    if right.isEmpty { return left }
    var index = 0
    for interval in left.intervals {
      var begin = interval.lowerBound
      var consumed = false
      while index < right.intervals.count, right.intervals[index].upperBound < begin { index += 1 }
      var cut = index
      while !consumed, cut < right.intervals.count, right.intervals[cut].lowerBound <= interval.upperBound {
        let hole = right.intervals[cut]
        if hole.lowerBound > begin { result.intervals.append(begin...(hole.lowerBound - 1)) }
        if hole.upperBound >= interval.upperBound {
          consumed = true
        } else {
          begin = hole.upperBound + 1
          cut += 1
        }
      }
      if !consumed { result.intervals.append(begin...interval.upperBound) }
    }
    return result
  }

  private static func coalesced(_ sorted: [ClosedRange<UInt64>]) -> [ClosedRange<UInt64>] {
    var result: [ClosedRange<UInt64>] = []
    for interval in sorted {
      guard let last = result.last, last.upperBound == .max || interval.lowerBound <= last.upperBound + 1 else {
        result.append(interval)
        continue
      }
      result[result.count - 1] = last.lowerBound...max(last.upperBound, interval.upperBound)
    }
    return result
  }
}

extension Ranges: CustomStringConvertible {
  /// `[31000-31004, 31006-32000]`
  public var description: String {
    "[" + intervals.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ", ") + "]"
  }
}
