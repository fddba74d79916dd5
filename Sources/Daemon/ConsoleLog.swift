import ArgumentParser
import Glibc
import Logging

/// Log lines on standard error in the form that operators of Mesos know: a letter for the level, the date, the local
/// time, where it comes from, the message.
///
///     I1122 20:15:01.123456 master] Framework 'web' subscribed
public struct ConsoleLog: LogHandler {
  private let label: String
  private var ownLevel: Logger.Level
  public var logLevel: Logger.Level {
    get { Verbosity.level > 0 ? min(ownLevel, .debug) : ownLevel }
    set { ownLevel = newValue }
  }
  public var metadata: Logger.Metadata = [:]

  public init(label: String, level: Logger.Level) {
    self.label = label
    ownLevel = level
  }

  /// Makes every `Logger` of the program write here. Call it once, before the first logger is made.
  public static func install(level: LogLevelFlag) {
    LoggingSystem.bootstrap { ConsoleLog(label: $0, level: level.level) }
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var line = Self.head(event.level) + label + "] "
    line += event.message.description
    let extra = event.metadata.map { metadata.merging($0) { _, new in new } } ?? metadata
    for (key, value) in extra.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(value)" }
    line += "\n"
    // One write per line, so that lines of several threads do not mix.
    _ = line.withUTF8 { write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  private static func head(_ level: Logger.Level) -> String {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    var local = tm()
    localtime_r(&now.tv_sec, &local)
    let letter =
      switch level {
      case .trace, .debug: "D"
      case .info, .notice: "I"
      case .warning: "W"
      case .error, .critical: "E"
      }
    let date = padded(local.tm_mon + 1, 2) + padded(local.tm_mday, 2)
    let time = [local.tm_hour, local.tm_min, local.tm_sec].map { padded($0, 2) }.joined(separator: ":")
    return "\(letter)\(date) \(time).\(padded(now.tv_nsec / 1000, 6)) "
  }

  private static func padded(_ number: some BinaryInteger, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

/// The flag `--logging_level`: Mesos' names, INFO, WARNING and ERROR, and DEBUG below them.
public struct LogLevelFlag: ExpressibleByArgument, Sendable {
  public let level: Logger.Level

  public static let info = Self(level: .info)

  init(level: Logger.Level) {
    self.level = level
  }

  public init?(argument: String) {
    switch argument.uppercased() {
    case "DEBUG": level = .debug
    case "INFO": level = .info
    case "WARNING": level = .warning
    case "ERROR": level = .error
    default: return nil
    }
  }

  public var defaultValueDescription: String { level.rawValue.uppercased() }
  public static var allValueStrings: [String] { ["DEBUG", "INFO", "WARNING", "ERROR"] }
}
