import Foundation
import NIOCore
import NIOPosix
import Testing
import Transport

/// A master and its agents as real processes on loopback, with the modules that the build made.
@MainActor
final class Cluster {
  let directory: String
  let http: AsyncHTTPClient
  private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  private var programs: [Program] = []
  private(set) var master: (program: Program, endpoint: Endpoint)!
  private var agents: [String: (program: Program, endpoint: Endpoint)] = [:]

  /// Runs `test` on a cluster with one agent for each of `agents`, which are texts of resources. Of a test that fails
  /// the ends of the logs are shown.
  static func run(
    agents: [String] = ["cpus:4;mem:4096;disk:10000"], modules: Modules = Modules(), flags: [String] = [],
    test: @MainActor (Cluster) async throws -> Void
  ) async throws {
    let cluster = try Cluster(modules)
    do {
      try await cluster.startMaster(flags)
      for (index, resources) in agents.enumerated() { try await cluster.startAgent("agent\(index)", resources) }
      try await test(cluster)
    } catch {
      await cluster.end(showingLogs: true)
      throw error
    }
    await cluster.end(showingLogs: false)
  }

  private init(_ modules: Modules) throws {
    directory = FileManager.default.temporaryDirectory.appending(path: "tepui-cluster-\(UUID().uuidString)").path
    http = AsyncHTTPClient(eventLoop: group.next())
    try FileManager.default.createDirectory(
      atPath: modulesDirectory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
    try modules.install(in: modulesDirectory)
  }

  var modulesDirectory: String { "\(directory)/modules" }
  var agent: Endpoint { agents["agent0"]!.endpoint }

  // MARK: Daemons

  /// - Parameter fileBlocks: no file may grow beyond this many blocks of 512 bytes, as if the disk were full.
  func startMaster(_ flags: [String] = [], fileBlocks: Int? = nil) async throws {
    let port = master.map { $0.endpoint.port } ?? 0
    // With the signal ignored, a write that is too long fails.
    let shell = fileBlocks.map { #"trap '' XFSZ; ulimit -f \#($0); exec "$0" "$@""# }
    let program = try start(
      "tepui-master", "master", port: port, ["--modules_dir=\(modulesDirectory)"] + flags, shell: shell)
    master = (program, try await endpoint(of: program))
    try await eventually("the master answers") { try await get(master.endpoint, "/health").status == .ok }
  }

  /// - Parameter shell: as of `start`.
  func startAgent(_ name: String, _ resources: String, flags: [String] = [], shell: String? = nil) async throws {
    let (program, endpoint) = try await launchAgent(name, resources, flags: flags, shell: shell)
    try await eventually("\(name) is registered; it said: \(program.log.suffix(2000))") {
      if !program.isRunning { throw Overdue(description: "\(name) ended: \(program.log.suffix(2000))") }
      let slaves = try await get(master.endpoint, "/slaves")
      return String(buffer: slaves.body).contains("@\(endpoint)")
    }
  }

  /// Starts an agent that need not be admitted.
  @discardableResult
  func launchAgent(
    _ name: String, _ resources: String, flags: [String] = [], shell: String? = nil
  ) async throws -> (program: Program, endpoint: Endpoint) {
    let port = agents[name]?.endpoint.port ?? 0
    let program = try start(
      "tepui-agent", name, port: port,
      [
        "--master=\(master.endpoint)", "--modules_dir=\(modulesDirectory)", "--resources=\(resources)",
        "--registration_backoff_factor=10ms", "--runtime_dir=\(directory)/\(name)-runtime",
      ] + flags, shell: shell)
    let endpoint = try await endpoint(of: program)
    agents[name] = (program, endpoint)
    return (program, endpoint)
  }

  func isRunning(_ agent: String) -> Bool { agents[agent]?.program.isRunning ?? false }

  func mostResidentBytes(of agent: String) throws -> Int {
    try #require(agents[agent]).program.mostResidentBytes
  }

  func log(of agent: String) -> String { agents[agent]?.program.log ?? "" }

  func stopAgent(_ name: String, _ signal: Int32 = SIGTERM) async throws {
    try await agents[name]?.program.stop(signal)
  }

  func stopMaster(_ signal: Int32 = SIGTERM) async throws {
    try await master.program.stop(signal)
  }

  /// - Parameter shell: runs the program, which is `"$0" "$@"` to it.
  private func start(
    _ program: String, _ name: String, port: Int, _ flags: [String], shell: String? = nil
  ) throws -> Program {
    let arguments = ["--ip=127.0.0.1", "--port=\(port)", "--work_dir=\(directory)/\(name)"] + flags
    let log = "\(directory)/\(name)-\(programs.count).log"
    let started =
      if let shell {
        try Program("/bin/sh", ["-c", shell, "\(Repository.products)/\(program)"] + arguments, log: log)
      } else {
        try Program(program, arguments, log: log)
      }
    programs.append(started)
    return started
  }

  private func endpoint(of program: Program) async throws -> Endpoint {
    var port: Int?
    try await eventually("\(program.name) says where it listens; it said: \(program.log)") {
      port = program.log.firstMatch(of: /listening on 127\.0\.0\.1:(\d+)/).flatMap { Int($0.output.1) }
      if port == nil, !program.isRunning { throw Overdue(description: "\(program.name) ended: \(program.log)") }
      return port != nil
    }
    return Endpoint(host: "127.0.0.1", port: try #require(port))
  }

  private func end(showingLogs: Bool) async {
    if showingLogs {
      for program in programs { print("--- \(program.name)\n\(program.log.suffix(4000))") }
    }
    // SIGUSR1 makes an agent end all its tasks before it ends itself.
    for agent in agents.values { try? await agent.program.stop(SIGUSR1) }
    for program in programs { try? await program.stop() }
    try? await group.shutdownGracefully()
    try? FileManager.default.removeItem(atPath: directory)
  }

  // MARK: Requests

  /// POSTs JSON, as an operator would; status and text of the answer.
  func post(_ target: String, _ json: String) async throws -> (status: Int, text: String) {
    let request = ClientRequest(
      .POST, master.endpoint, target, headers: ["Content-Type": "application/json"], body: [UInt8](json.utf8))
    let response = try await http.send(request, timeout: .seconds(60))
    return (Int(response.status.code), String(buffer: response.body))
  }

  func get(_ endpoint: Endpoint, _ target: String) async throws -> Response {
    try await http.send(ClientRequest(.GET, endpoint, target), timeout: .seconds(60))
  }

  /// Runs `tepui` against this cluster; what it writes, standard error included, and its exit status.
  func tepui(_ arguments: String...) async throws -> (output: String, status: Int32) {
    let program = try startTepui(arguments)
    let status = try await program.exitStatus()
    return (program.log, status)
  }

  func startTepui(_ arguments: [String]) throws -> Program {
    let log = "\(directory)/tepui-\(UUID().uuidString).log"
    return try Program("tepui", arguments, log: log, environment: ["TEPUI_MASTER": "\(master.endpoint)"])
  }
}

/// What lies in the modules dir of a cluster.
struct Modules {
  var allocator = "org.tepui.drf"
  var isolators = ["org.tepui.posix"]
  /// How long each may take, by the id of the isolator.
  var deadlines: [String: String] = [:]
  /// By the id of the module.
  var parameters: [String: [String: String]] = [:]
  /// Libraries to build from C sources first.
  var own: [(name: String, module: String, source: String)] = []

  /// Copies the modules of the build, builds the own ones and writes modules.json.
  func install(in directory: String) throws {
    let names = [
      "drf", "strict-priority", "binpack", "lua", "cgroups", "posix", "rlimits", "namespaces", "privileges", "seccomp",
    ]
    for name in names {
      let target = "\(directory)/lib\(name).so"
      try FileManager.default.copyItem(atPath: "\(Repository.products)/lib\(name).so", toPath: target)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: target)
    }
    for module in own { try compile(module.source, to: "\(directory)/lib\(module.name).so") }
    try write(in: directory)
  }

  func write(in directory: String) throws {
    let known = [
      ("drf", "org.tepui.drf"), ("strict-priority", "org.tepui.strict-priority"), ("binpack", "org.tepui.binpack"),
      ("lua", "org.tepui.lua"), ("posix", "org.tepui.posix"),
    ]
    let libraries: [[String: Any]] = (known + own.map { ($0.name, $0.module) }).map { library, module in
      let parameters = (parameters[module] ?? [:]).map { ["key": $0.key, "value": $0.value] }
      return ["name": library, "modules": [["name": module, "parameters": parameters]]]
    }
    let active = isolators.map { id in ["module": id].merging(deadlines[id].map { ["deadline": $0] } ?? [:]) { $1 } }
    let content: [String: Any] = ["libraries": libraries, "allocator": allocator, "isolators": active]
    try JSONSerialization.data(withJSONObject: content).write(to: URL(filePath: "\(directory)/modules.json"))
  }

  private func compile(_ source: String, to library: String) throws {
    let compiler = Process()
    compiler.executableURL = URL(filePath: "/usr/bin/cc")
    compiler.arguments = [
      "-shared", "-fPIC", "-fvisibility=hidden", "-I\(Repository.root)/SDK/include", "-o", library, source, "-lm",
    ]
    try compiler.run()
    compiler.waitUntilExit()
    try #require(compiler.terminationStatus == 0, "cc \(source)")
  }
}
