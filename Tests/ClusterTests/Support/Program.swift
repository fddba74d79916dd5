import Foundation
import Testing

/// One of our programs as a child process, its output in a file.
@MainActor
final class Program {
  let name: String
  private let logPath: String
  private let process = Process()

  /// Starts `.build/…/<program>`, or a program by its path.
  init(_ program: String, _ arguments: [String], log: String, environment: [String: String] = [:]) throws {
    name = program
    logPath = log
    try Data().write(to: URL(filePath: log))
    let output = try #require(FileHandle(forWritingAtPath: log))
    try output.seekToEnd()
    process.executableURL = URL(filePath: program.hasPrefix("/") ? program : "\(Repository.products)/\(program)")
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("TEPUI_") }
      .merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    try process.run()
  }

  deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

  var isRunning: Bool { process.isRunning }

  /// The most memory that it has ever held.
  var mostResidentBytes: Int {
    get throws {
      let status = try String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
      return try #require(status.firstMatch(of: /VmHWM:\s+(\d+) kB/).flatMap { Int($0.output.1) }) << 10
    }
  }

  /// What it wrote, standard error included.
  var output: Data { (try? Data(contentsOf: URL(filePath: logPath))) ?? Data() }
  var log: String { String(decoding: output, as: UTF8.self) }

  func signal(_ number: Int32) {
    if process.isRunning { kill(process.processIdentifier, number) }
  }

  /// Ends it and waits until it is gone.
  func stop(_ number: Int32 = SIGTERM) async throws {
    signal(number)
    try await eventually("\(name) has ended") { !isRunning }
  }

  /// The exit status, once it has ended.
  func exitStatus(within timeout: Duration = .seconds(60)) async throws -> Int32 {
    try await eventually("\(name) has ended", within: timeout) { !isRunning }
    return process.terminationStatus
  }
}

enum Repository {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path

  /// Where the build put programs and modules: beside the tests themselves.
  static let products: String = {
    let folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().path
    return FileManager.default.fileExists(atPath: "\(folder)/tepui-master") ? folder : "\(root)/.build/debug"
  }()
}

/// What did not come to be in time.
struct Overdue: Error, CustomStringConvertible {
  let description: String
}

/// Waits until `condition` holds; the time is a bound for a broken system, not an expectation of a good one.
@MainActor
func eventually(
  _ what: @autoclosure () -> String, within timeout: Duration = .seconds(60), _ condition: () async throws -> Bool
) async throws {
  let deadline = ContinuousClock.now + timeout
  while try await !condition() {
    guard ContinuousClock.now < deadline else { throw Overdue(description: "not within \(timeout): \(what())") }
    try await Task.sleep(for: .milliseconds(10))
  }
}
