import Glibc

/// Lines about the work in the sandbox's `stderr`, in the form that Mesos' fetcher gives them.
struct FetchLog {
  func info(_ text: String) { write("I", text) }

  func warning(_ text: String) { write("W", text) }

  func error(_ text: String) { write("E", text) }

  private func write(_ letter: String, _ text: String) {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    var local = tm()
    localtime_r(&now.tv_sec, &local)
    let date = Self.padded(Int(local.tm_mon) + 1, 2) + Self.padded(Int(local.tm_mday), 2)
    let time = [local.tm_hour, local.tm_min, local.tm_sec].map { Self.padded(Int($0), 2) }.joined(separator: ":")
    var line = "\(letter)\(date) \(time).\(Self.padded(now.tv_nsec / 1000, 6)) fetcher] \(text)\n"
    _ = line.withUTF8 { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
