import Containment
import Foundation
import ModuleHost
import Synchronization
import Testing

/// All tests of this room, one after the other: they start hundreds of processes, and so their failures can be read.
@Suite(.serialized) enum ContainmentTests {}

/// A containment in a temporary directory, with what was told to it and by it.
final class Harness: Sendable {
  let directory: String
  let containment: Containment
  private let exits: Exits

  var stateRoot: String { "\(directory)/state" }

  /// - Parameter directory: of an earlier harness, to be its successor.
  init(
    _ isolators: sending [any Isolator] = [], directory: String? = nil, cgroups: CgroupRoot? = nil,
    cgroupFiles: (@Sendable () -> any CgroupFiles)? = nil
  ) throws {
    self.directory = try directory ?? Self.makeDirectory()
    let exits = Exits()
    self.exits = exits
    var configuration = Containment.Configuration(
      supervisor: "\(Self.products)/tepui-supervisor", stateRoot: "\(self.directory)/state", cgroups: cgroups)
    if let cgroupFiles { configuration.cgroupFiles = cgroupFiles }
    containment = try Containment(configuration, isolators: isolators, exited: { exits.add($0, $1) })
  }

  deinit { containment.stop() }

  /// The program that holds these tests.
  static let ownProgram: String = {
    if let bundle = CommandLine.arguments.first(where: { $0.hasSuffix(".xctest") && $0.hasPrefix("/") }) {
      return bundle
    }
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    return String(decoding: buffer.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }()

  /// Where the build puts programs and modules, beside the tests.
  static var products: String {
    ownProgram.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
  }

  /// A new directory that anybody may enter, gone when the tests end.
  static func makeDirectory() throws -> String {
    var template = Array("\(root)/XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    chmod(template, 0o755)
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static let root: String = {
    let path = "/tmp/containment-tests-\(getpid())"
    mkdir(path, 0o755)
    atexit { try? FileManager.default.removeItem(atPath: "/tmp/containment-tests-\(getpid())") }
    return path
  }()

  /// A request to run a shell script in a sandbox of its own.
  func request(_ id: String, _ script: String, user: String? = nil) throws -> LaunchRequest {
    try request(id, program: "/bin/sh", ["sh", "-c", script], user: user)
  }

  func request(
    _ id: String, program: String, _ arguments: [String], user: String? = nil
  ) throws -> LaunchRequest {
    let sandbox = "\(directory)/sandbox-\(id)"
    if mkdir(sandbox, 0o755) != 0 { try #require(errno == EEXIST) }
    return LaunchRequest(
      description: ContainerDescription(
        id: id, frameworkID: "framework", executorID: "executor", role: "*", user: user ?? "root", sandbox: sandbox,
        isCommandTask: true, requests: [.init(name: "cpus", value: 100), .init(name: "mem", value: 32_000)]),
      command: .init(
        program: program, arguments: arguments, environment: ["PATH": "/usr/bin:/bin", "GREETING": "hello"],
        user: user, workingDirectory: sandbox),
      stateDirectory: "\(stateRoot)/\(id)")
  }

  /// Makes a FIFO on which a script can wait: `read -r _ < gate`.
  func addGate(to request: LaunchRequest) throws -> String {
    let path = "\(request.description.sandbox)/gate"
    try #require(mkfifo(path, 0o666) == 0)
    return path
  }

  func launch(_ request: LaunchRequest) async -> Result<LaunchedContainer, LaunchFailure> {
    await withCheckedContinuation { done in containment.launch(request) { done.resume(returning: $0) } }
  }

  /// Launches a script and waits for its exit.
  func run(_ id: String, _ script: String, user: String? = nil) async throws -> ContainerExit {
    let earlier = exitCount(of: id)
    _ = try await launch(request(id, script, user: user)).get()
    return try await exit(of: id, after: earlier)
  }

  func recover(_ request: LaunchRequest) async -> LaunchedContainer? {
    await withCheckedContinuation { done in containment.recover(request) { done.resume(returning: $0) } }
  }

  func update(_ id: String, requests: [ContainerDescription.Amount]) async -> IsolatorFailure? {
    await withCheckedContinuation { done in
      containment.update(id, requests: requests, limits: []) { done.resume(returning: $0) }
    }
  }

  func usage(_ id: String) async -> [String: Double] {
    await withCheckedContinuation { done in containment.usage([id]) { done.resume(returning: $0[id] ?? [:]) } }
  }

  func destroyOrphans(keeping keep: Set<String>) async -> [String] {
    await withCheckedContinuation { done in containment.destroyOrphans(keeping: keep) { done.resume(returning: $0) } }
  }

  /// The exit of a container's latest run.
  func exit(of id: String, after earlier: Int = 0) async throws -> ContainerExit {
    try await eventually("container \(id) exits") { self.exits.all.filter { $0.0 == id }.dropFirst(earlier).last?.1 }
  }

  func lastExit(of id: String) -> ContainerExit? { exits.all.last { $0.0 == id }?.1 }

  func exitCount(of id: String) -> Int { exits.all.count { $0.0 == id } }

  func output(of id: String, _ name: String = "stdout") -> String { read("\(directory)/sandbox-\(id)/\(name)") ?? "" }

  /// Waits until a container wrote as many lines.
  func lines(of id: String, _ count: Int) async throws -> [String] {
    try await eventually("container \(id) writes \(count) lines") {
      let output = self.output(of: id)
      let lines = output.split(separator: "\n").map(String.init)
      return output.hasSuffix("\n") && lines.count >= count ? lines : nil
    }
  }

  private final class Exits: Sendable {
    private let told = Mutex<[(String, ContainerExit)]>([])
    var all: [(String, ContainerExit)] { told.withLock { $0 } }
    func add(_ id: String, _ exit: ContainerExit) { told.withLock { $0.append((id, exit)) } }
  }
}

/// Lets the script that waits at a gate go on.
func pass(_ gate: String) { close(open(gate, O_WRONLY)) }

struct Overdue: Error, CustomStringConvertible {
  let description: String
}

/// Polls until there is a value; a hundred times the time that it takes on an idle machine.
@discardableResult
func eventually<Value>(_ what: String, _ value: () throws -> Value?) async throws -> Value {
  let clock = ContinuousClock()
  let deadline = clock.now + .seconds(60)
  while clock.now < deadline {
    if let value = try value() { return value }
    // Not Task.sleep: with many short sleeps libdispatch loses a timer now and then, and the test would hang.
    usleep(2000)
    await Task.yield()
  }
  throw Overdue(description: "waited in vain until \(what)")
}

func read(_ path: String) -> String? {
  guard let file = fopen(path, "r") else { return nil }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 4096)
  while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
  return String(decoding: bytes, as: UTF8.self)
}

/// Whether a process exists and is more than a zombie.
func isAlive(_ pid: Int32) -> Bool {
  guard let stat = read("/proc/\(pid)/stat"), let end = stat.lastIndex(of: ")") else { return false }
  return !stat[stat.index(end, offsetBy: 2)...].hasPrefix("Z")
}

let isRoot = geteuid() == 0

/// Some machines made from an archive have a root directory that only root may pass through.
let othersMayPassThroughRoot: Bool = {
  var status = stat()
  return stat("/", &status) == 0 && status.st_mode & 1 != 0
}()

/// Whether the mounts of this process can be made private: in a chroot they cannot.
let rootIsAMount: Bool = {
  let mounts = (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) ?? ""
  return mounts.split(separator: "\n").contains { $0.split(separator: " ").dropFirst(4).first == "/" }
}()

/// CAP_SYS_RESOURCE, which root has not got in every container.
let mayLowerOOMScores: Bool = {
  let line = read("/proc/self/status")?.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
  let bits = line.flatMap { UInt64($0.dropFirst(7).drop { $0 == "\t" }, radix: 16) } ?? 0
  return bits & 1 << 24 != 0
}()
