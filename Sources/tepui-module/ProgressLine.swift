import Glibc

/// A line on standard error that the next one overwrites; where nobody watches, one now and then, so that a log shows that
/// something goes on.
final class ProgressLine {
  private var lastTold = 0
  private let isWatched = isatty(STDERR_FILENO) == 1

  func show(_ line: String) {
    if isWatched { return write("\r\u{1B}[K  \(line)") }
    let now = time(nil)
    guard now - lastTold >= 10 else { return }
    if lastTold != 0 { write("  \(line)\n") }
    lastTold = now
  }

  func clear() {
    if isWatched { write("\r\u{1B}[K") }
  }

  private func write(_ text: String) {
    var text = text
    text.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}
