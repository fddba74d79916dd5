import Glibc

/// Reads what Mesos says of a command's end: `Command exited with status 3`, `Command terminated with signal Killed`.
enum ExitStatusText {
  /// The exit code as a shell gives it; nil for any other text.
  static func exitCode(_ message: String) -> Int32? {
    if let status = number(after: "exited with status ", in: message) { return status }
    guard let name = text(after: "terminated with signal ", in: message) else { return nil }
    if let number = Int32(name) { return 128 + number }
    return (1..<65).first { signal in strsignal(signal).map { name.hasPrefix(String(cString: $0)) } ?? false }
      .map { 128 + $0 }
  }

  private static func number(after prefix: String, in message: String) -> Int32? {
    text(after: prefix, in: message).flatMap { Int32($0.prefix { $0.isNumber }) }
  }

  private static func text(after prefix: String, in message: String) -> Substring? {
    message.firstRange(of: prefix).map { message[$0.upperBound...] }
  }
}
