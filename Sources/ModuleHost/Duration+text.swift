/// Durations as Mesos writes them: `250ms`, `5secs`, `1.5hrs`.
enum DurationText {
  private static let units: [(name: String, ns: Int64)] = [
    ("ns", 1), ("us", 1000), ("ms", 1_000_000), ("secs", 1_000_000_000), ("mins", 60_000_000_000),
    ("hrs", 3_600_000_000_000), ("days", 86_400_000_000_000), ("weeks", 604_800_000_000_000),
  ]

  static let form = "a number and one of \(units.map(\.name).joined(separator: ", ")), such as 250ms"

  /// Nanoseconds, or nil if it is no duration.
  static func parse(_ text: String) -> Int64? {
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let unit = units.first(where: { $0.name == text.dropFirst(number.count) }), let value = Double(number)
    else { return nil }
    return Int64(exactly: (value * Double(unit.ns)).rounded())
  }

  /// In the largest unit that needs no fraction.
  static func format(_ ns: Int64) -> String {
    let unit = units.last { ns % $0.ns == 0 && ns != 0 } ?? units[0]
    return "\(ns / unit.ns)\(unit.name)"
  }
}
