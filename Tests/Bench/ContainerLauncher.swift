import Containment
import Glibc
import Logging
import ModuleHost
import Synchronization

/// Launches containers as the agent does, with the isolator `namespaces` and, where the machine offers controllers,
/// `cgroups`.
final class ContainerLauncher: Sendable {
  private let containment: Containment
  private let exits: Exits
  private let directory: String
  private let group: String
  private let rootDirectory: String

  init(modulesDirectory: String, supervisor: String, rootDirectory: String) throws {
    var template = Array("/var/tmp/tepui-bench.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Load.Failure("cannot make a directory in /var/tmp") }
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    self.rootDirectory = rootDirectory
    for name in ["state", "sandbox"] { mkdir("\(directory)/\(name)", 0o755) }
    let host = try ModuleHost(
      product: "tepui-bench", version: "0", directory: modulesDirectory, configuration: nil,
      logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
    let found = try? CgroupRoot.discover(named: "tepui-bench-\(getpid())")
    let cgroups = found ?? CgroupRoot(path: "/sys/fs/cgroup/tepui-bench-\(getpid())", controllers: [])
    group = cgroups.path
    let isLimited = cgroups.controllers.isSuperset(of: ["cpu", "memory", "pids"])
    let exits = Exits()
    self.exits = exits
    containment = try Containment(
      Containment.Configuration(supervisor: supervisor, stateRoot: "\(directory)/state", cgroups: cgroups),
      isolators: try host.loadIsolators(
        named: (isLimited ? ["cgroups"] : []) + ["namespaces"],
        node: NodeDescription(cpus: 1000, memoryBytes: 1 << 31, controllers: cgroups.controllers.sorted())),
      exited: { exits.end($0, $1) })
  }

  func stop() {
    containment.stop()
    rmdir(group)
    _ = system("rm -rf '\(directory)'")
  }

  /// Runs /bin/true from start to exit.
  func run(_ id: String, ownRoot: Bool) async throws {
    var request = LaunchRequest(
      description: ContainerDescription(
        id: id, frameworkID: "framework", executorID: id, role: "*", user: "root", sandbox: "\(directory)/sandbox",
        isCommandTask: true, requests: [.init(name: "cpus", value: 1000), .init(name: "mem", value: 64_000)]),
      command: .init(
        program: "/bin/true", arguments: ["true"], environment: ["PATH": "/usr/bin:/bin"], user: nil,
        workingDirectory: "/"), stateDirectory: "\(directory)/state/\(id)")
    request.root = ownRoot ? rootDirectory : nil
    request.description.hasOwnRoot = ownRoot
    let exit = try await withCheckedThrowingContinuation { done in
      exits.expect(id, done)
      containment.launch(request) { [exits] in if case .failure(let failure) = $0 { exits.fail(id, failure) } }
    }
    // As the agent does it.
    for file in ["launch", "exit"] { unlink("\(request.stateDirectory)/\(file)") }
    rmdir(request.stateDirectory)
    guard exit.waitStatus == 0 else { throw Load.Failure("container \(id) ended: \(exit)") }
  }

  private final class Exits: Sendable {
    typealias Continuation = CheckedContinuation<ContainerExit, any Error>
    private let waiting = Mutex<[String: Continuation]>([:])

    func expect(_ id: String, _ done: Continuation) { waiting.withLock { $0[id] = done } }

    func end(_ id: String, _ exit: ContainerExit) {
      waiting.withLock { $0.removeValue(forKey: id) }?.resume(returning: exit)
    }

    func fail(_ id: String, _ failure: LaunchFailure) {
      waiting.withLock { $0.removeValue(forKey: id) }?.resume(throwing: failure)
    }
  }
}
