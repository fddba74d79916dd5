import Foundation
import Logging
import ModuleHost
import Synchronization
import Testing

/// A modules dir of a test's own, and ways to fill it.
final class Workspace {
  let path: String
  let log = LogRecord()

  init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "tepui-modules-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
  }

  // Modules stay mapped after their files are gone.
  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  @discardableResult
  func write(_ name: String, _ content: some Collection<UInt8>, mode: Int = 0o755) throws -> String {
    try Data(content).write(to: URL(filePath: file(name)))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file(name))
    return file(name)
  }

  func write(_ name: String, _ text: String) throws {
    try write(name, text.utf8, mode: 0o644)
  }

  func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: file(name)))) }

  /// Builds one of Fixtures/*.c with macros set.
  func build(_ fixture: String, as name: String, _ macros: [String: String] = [:], _ more: [String] = []) throws {
    let flags = macros.sorted { $0.key < $1.key }.map { "-D\($0.key)=\($0.value)" }
    try compile(["\(Repository.root)/Tests/ModuleHostTests/Fixtures/\(fixture).c", "-lm"] + flags + more, as: name)
  }

  func compile(source: String, as name: String, _ more: [String] = []) throws {
    try write("\(name).c", source)
    try compile([file("\(name).c")] + more, as: name)
  }

  private func compile(_ arguments: [String], as name: String) throws {
    let result = try run(
      ["cc", "-shared", "-fPIC", "-fvisibility=hidden", "-I\(Repository.root)/SDK/include", "-o", file(name)]
        + arguments)
    try #require(result.status == 0, "\(result.output)")
  }

  /// A host over this directory; its log lines go to `log`.
  func host(_ configuration: String? = nil) throws -> ModuleHost {
    try ModuleHost(
      product: "tepui-test", version: "0", directory: path, configuration: configuration,
      logger: Logger(label: "test") { [log] _ in log })
  }

  /// The refusal of whatever `body` tries.
  func refusal(_ configuration: String? = nil, _ body: (ModuleHost) throws -> Void) throws -> ModuleError {
    try #require(throws: ModuleError.self) { try body(try host(configuration)) }
  }
}

/// Log lines, `level: message`.
final class LogRecord: LogHandler, @unchecked Sendable {
  private let lock = Mutex([String]())
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.debug

  var lines: [String] { lock.withLock { $0 } }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { nil }
    set {}
  }

  func log(event: LogEvent) {
    lock.withLock { $0.append("\(event.level): \(event.message)") }
  }
}

enum Repository {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path

  /// Where the build put programs and modules: beside the tests themselves.
  static let products: String = {
    let program = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().path
    return FileManager.default.fileExists(atPath: "\(program)/libdrf.so") ? program : "\(root)/.build/debug"
  }()

  static func hasProgram(_ name: String) -> Bool {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
      FileManager.default.isExecutableFile(atPath: "\($0)/\(name)")
    }
  }
}

/// Runs a program to its end; its standard output and error.
func run(_ arguments: [String], in directory: String? = nil) throws -> (status: Int32, output: String) {
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/env")
  process.arguments = arguments
  if let directory { process.currentDirectoryURL = URL(filePath: directory) }
  let pipe = Pipe()
  process.standardOutput = pipe
  process.standardError = pipe
  process.standardInput = FileHandle.nullDevice
  try process.run()
  let output = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return (process.terminationStatus, String(decoding: output, as: UTF8.self))
}
