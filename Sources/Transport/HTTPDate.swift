import Glibc

/// Text of the `Date` header, made once a second. Belongs to one event loop.
struct HTTPDate {
  private var second: time_t = -1
  private var text = ""

  mutating func now() -> String {
    var now = time(nil)
    if now == second { return text }
    second = now
    text = HTTPDate.format(&now)
    return text
  }

  /// IMF-fixdate of RFC 9110, 5.6.7: `Sun, 22 Nov 2026 16:28:53 GMT`, whatever the locale.
  static func format(_ time: inout time_t) -> String {
    var fields = tm()
    gmtime_r(&time, &fields)
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let clock = [fields.tm_hour, fields.tm_min, fields.tm_sec].map(twoDigits).joined(separator: ":")
    return "\(days[Int(fields.tm_wday)]), \(twoDigits(fields.tm_mday)) \(months[Int(fields.tm_mon)])"
      + " \(fields.tm_year + 1900) \(clock) GMT"
  }

  private static func twoDigits(_ value: Int32) -> String {
    value < 10 ? "0\(value)" : "\(value)"
  }
}
