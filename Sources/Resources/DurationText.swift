/// Durations as Mesos writes them: a number and a unit without a space between (protocol fact 110). Clients parse just
/// these units, so every duration that leaves us, and every one that we read, has this form.
public enum DurationText {
  /// Units by size, smallest first, with their length in nanoseconds.
  static let units: [(name: String, nanoseconds: Int64)] = [
    ("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("secs", 1_000_000_000), ("mins", 60_000_000_000),
    ("hrs", 3_600_000_000_000), ("days", 86_400_000_000_000), ("weeks", 604_800_000_000_000),
  ]

  /// Nanoseconds of a text such as `250ms` or `1.5hrs`; nil if it is not a duration or does not fit.
  public static func nanoseconds(_ text: some StringProtocol) -> Int64? {
    let split = text.firstIndex { $0.isLetter } ?? text.endIndex
    guard let unit = units.first(where: { $0.name == text[split...] }) else { return nil }
    let digits = text[..<split]
    guard digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == "." || $0 == "-" || $0 == "+") }) else { return nil }
    if let whole = Int64(digits) {
      let (value, overflow) = whole.multipliedReportingOverflow(by: unit.nanoseconds)
      return overflow ? nil : value
    }
    guard let number = Double(String(digits)) else { return nil }
    return Int64(exactly: (number * Double(unit.nanoseconds)).rounded())
  }

  /// The text of a duration, in the largest unit that it reaches, or one unit smaller when only that one is whole:
  /// 60 s is `1mins`, 90 s is `90secs`.
  public static func text(nanoseconds: Int64) -> String {
    let magnitude = nanoseconds.magnitude
    let reached = units.lastIndex { $0.nanoseconds.magnitude <= magnitude } ?? 0
    for index in [reached, reached - 1] where index >= 0 {
      let unit = units[index]
      if nanoseconds % unit.nanoseconds == 0 { return "\(nanoseconds / unit.nanoseconds)\(unit.name)" }
    }
    return "\(Double(nanoseconds) / Double(units[reached].nanoseconds))\(units[reached].name)"
  }
}
