import AgentCore
import Containment
import Dispatch
import Glibc
import Logging
import ModuleHost
import NIOCore
import Synchronization

/// Between the agent's core and containment: values of the one become those of the other, and sandboxes are made before
/// launches.
final class Containers: Sendable {
  typealias Feed = @Sendable (AgentInput) -> Void

  private let containment: Containment
  private let log: Logger
  private let feed: Feed
  private let checks = RunningChecks()
  private let outputLimits: OutputLimits
  private let runtimeDirectory: String
  private let stateRoot: String
  let fetcher: Fetcher
  /// Sandboxes are made here, in order.
  private let sandboxes = DispatchQueue(label: "sandboxes")
  /// What volumes held is deleted here, one after the other: there may be much.
  private let removals = DispatchQueue(label: "removals", qos: .utility)

  /// - Parameter feed: may be called on any thread.
  init(_ setup: AgentSetup, modules: ModuleHost, feed: @escaping Feed) throws {
    runtimeDirectory = setup.runtimeDirectory
    stateRoot = "\(setup.runtimeDirectory)/containers"
    outputLimits = setup.outputLimits
    try Directories.make(stateRoot, mode: 0o700)
    fetcher = Fetcher(setup.fetcher)
    log = Logger(label: "containment")
    self.feed = feed
    let names = setup.flags.isolation.given?.split(separator: ",").map(String.init)
    let (cgroups, problem) = Self.findCgroups(setup.flags.cgroupsRoot, log)
    let node = NodeDescription(
      cpus: Int64(setup.machine.onlineCPUs) * 1000, memoryBytes: setup.machine.memoryBytes,
      controllers: cgroups?.controllers.sorted() ?? [])
    let isolators = try Self.load(modules, names, node, problem: problem)
    let configuration = Containment.Configuration(
      supervisor: setup.supervisor, stateRoot: stateRoot, cgroups: cgroups, log: log)
    let (checks, stateRoot) = (checks, stateRoot)
    containment = try Containment(configuration, isolators: isolators) { id, exit in
      guard checks.remove(id) else { return feed(.containerExited(id, ContainerOutcome(exit))) }
      Directories.removeFlat("\(stateRoot)/\(id)")
      let outcome = exit.waitStatus.map { CheckOutcome.exited(waitStatus: $0) }
      feed(.checkEnded(run: id, outcome ?? .unavailable("its end was not seen")))
    }
  }

  /// - Parameter problem: with cgroups, which is what an isolator that does not start without them lacks.
  private static func load(
    _ modules: ModuleHost, _ names: [String]?, _ node: NodeDescription, problem: String?
  ) throws -> [LoadedIsolator] {
    do throws(ModuleError) {
      return try modules.loadIsolators(named: names, node: node)
    } catch {
      guard let problem, error.code == .create else { throw error }
      throw ContainmentFailure(message: "\(error); there are no cgroups: \(problem)")
    }
  }

  /// Without cgroups containers still run; only isolators that need them will not start.
  private static func findCgroups(_ name: String, _ log: Logger) -> (CgroupRoot?, problem: String?) {
    do {
      let root = try CgroupRoot.discover(named: name)
      if let missing = root.missing() { log.warning("\(missing)") }
      return (root, nil)
    } catch {
      log.warning("Containers run without cgroups, and so without limits: \(error)")
      return (nil, error.description)
    }
  }

  func launch(_ launch: ContainerLaunch) {
    let id = launch.containerID
    if !launch.uris.isEmpty { fetcher.expect(id) }
    sandboxes.async { [self] in
      do {
        if let problem = outputLimits.problem(in: launch.environment) { throw FileError(problem) }
        if launch.isCheckedByHTTPS, HTTPSCheck.curl == nil { throw FileError(HTTPSCheck.missing) }
        try Sandbox(launch: launch).make()
        if launch.uris.isEmpty { start(launch) } else { try fetch(launch) }
      } catch {
        fetcher.forget(id)
        feed(.containerLaunchFailed(id, message: "\(error)"))
      }
    }
  }

  private func fetch(_ launch: ContainerLaunch) throws(FileError) {
    let request = Fetcher.Request(
      containerID: launch.containerID, uris: launch.uris, sandbox: launch.sandbox, user: launch.user,
      account: try Sandbox.account(of: launch.user))
    fetcher.fetch(request) { [self] failure in
      guard let failure else { return start(launch) }
      // The beginning is Mesos' text (exchange 126 of a real Mesos).
      let message = "Failed to fetch all URIs for container '\(launch.containerID)': \(failure)"
      feed(.containerLaunchFailed(launch.containerID, message: message))
    }
  }

  private func start(_ launch: ContainerLaunch) {
    containment.launch(request(launch)) { [feed] result in
      switch result {
      case .success(let launched): feed(.containerLaunched(launch.containerID, pid: launched.pid))
      case .failure(let failure): feed(.containerLaunchFailed(launch.containerID, message: failure.message))
      }
    }
  }

  /// Ends what a launch does before there is a container.
  func cancelLaunch(_ id: String) { fetcher.cancel(id) }

  // MARK: Checks

  /// Runs the command of a check beside that of its task.
  ///
  /// - Parameter isOurs: it is a program of the agent's machine, which the task need not see.
  func run(
    _ check: CheckRun, _ program: String, _ arguments: [String], environment: [String: String], isOurs: Bool = false
  ) {
    let id = check.id
    let stateDirectory = "\(stateRoot)/\(id)"
    var visitor = VisitorRequest(
      id: id, hostID: check.containerID, program: program, arguments: arguments, environment: environment,
      stateDirectory: stateDirectory)
    visitor.joinsNetworkOnly = isOurs
    checks.add(id)
    containment.launch(visitor) { [checks, feed] result in
      guard case .failure(let failure) = result, checks.remove(id) else { return }
      Directories.removeFlat(stateDirectory)
      // Where the command is not at fault, its container may just be ending.
      let isUntried = [.plan, .cgroup, .spawn, .namespaces].contains(failure.step)
      feed(.checkEnded(run: id, isUntried ? .unavailable(failure.message) : .failed(failure.message)))
    }
  }

  func network(
    of id: String, _ answer: @escaping @Sendable (Result<ContainerNetwork?, ContainmentFailure>) -> Void
  ) {
    containment.network(of: id, answer)
  }

  // MARK: Volumes

  func changeVolumes(_ operation: String, make made: [VolumeDirectory], remove removed: [VolumeDirectory]) {
    sandboxes.async { [feed] in
      do {
        try Volumes.change(make: made, remove: removed, operation: operation)
        feed(.volumesChanged(operation: operation, problem: nil))
      } catch {
        feed(.volumesChanged(operation: operation, problem: "\(error)"))
      }
    }
  }

  func deleteRemoved(_ trashes: [String], keeping operations: Set<String>) {
    removals.async { [log] in
      for trash in trashes {
        do { try Volumes.deleteRemoved(in: trash, keeping: operations) } catch {
          log.error("What volumes held is not all deleted; the next start of the agent tries again: \(error)")
        }
      }
    }
  }

  func add(_ added: AddedVolumes) {
    guard added.isRooted else {
      return add(added) { try Volumes.link(added.volumes, into: added.sandbox, for: $0) }
    }
    containment.mounts(of: added.containerID) { [self] mounts in
      add(added) { owner in
        guard let mounts else { throw FileError("the container \(added.containerID) does not run") }
        try Volumes.give(added.volumes, to: owner)
        for volume in added.volumes {
          try mounts.bind(
            volume.source, at: volume.containerPath, below: ContainerSetup.sandboxInRoot, for: owner)
        }
      }
    }
  }

  private func add(_ added: AddedVolumes, _ body: @escaping @Sendable (UserAccount?) throws -> Void) {
    let (id, batch) = (added.containerID, added.batch)
    sandboxes.async { [feed] in
      do {
        try body(try Sandbox.account(of: added.user))
        feed(.volumesAdded(containerID: id, batch: batch, problem: nil))
      } catch {
        feed(.volumesAdded(containerID: id, batch: batch, problem: "\(error)"))
      }
    }
  }

  // MARK: Containers

  func recover(_ launch: ContainerLaunch) {
    containment.recover(request(launch)) { [feed] launched in
      feed(.containerRecovered(launch.containerID, pid: launched?.pid))
    }
  }

  func signal(_ id: String, _ signal: Int32) { containment.signal(id, signal) }

  func destroy(_ id: String) { containment.destroy(id) }

  func update(_ id: String, requests: [Amount], limits: [Amount]) {
    containment.update(id, requests: requests.map { .init($0) }, limits: limits.map { .init($0) }) { [log] failure in
      if let failure { log.error("Container \(id) keeps its old resources: \(failure)") }
    }
  }

  func destroyOrphans(keeping keep: Set<String>) {
    containment.destroyOrphans(keeping: keep) { [log] ids in
      if !ids.isEmpty { log.warning("Destroyed containers of an earlier agent: \(ids.joined(separator: ", "))") }
    }
  }

  /// Values by container; `done` is called on the loop.
  func measure(
    _ ids: [String], on loop: any EventLoop, _ done: @escaping ([String: [String: Double]]) -> Void
  ) {
    let promise = loop.makePromise(of: [String: [String: Double]].self)
    containment.usage(ids) { promise.succeed($0) }
    promise.futureResult.assumeIsolated().whenSuccess(done)
  }

  /// What containment keeps of a container is of no use once its end is known.
  func forget(_ id: String, sandbox: String?) {
    let path = "\(stateRoot)/\(id)"
    sandboxes.async {
      Directories.removeFlat(path)
      if let sandbox { SandboxScan.noteEnd(of: sandbox) }
    }
  }

  /// Of sandboxes that were removed; no sandbox is made meanwhile.
  func removeEmptyParents(of removed: [String], below workDirectory: String, _ agentID: String?) {
    sandboxes.async {
      let scan = SandboxScan(workDirectory: workDirectory)
      for sandbox in removed { scan.removeEmptyParents(of: sandbox, besides: agentID) }
    }
  }

  /// Leaves nothing behind if there are no containers left.
  func close() {
    sandboxes.sync {
      // Fail where something is in them.
      if rmdir(stateRoot) == 0 { rmdir(runtimeDirectory) }
    }
  }

  private func request(_ launch: ContainerLaunch) -> LaunchRequest {
    var description = ContainerDescription(
      id: launch.containerID, frameworkID: launch.frameworkID, executorID: launch.executorID, role: launch.role,
      user: launch.user ?? "", sandbox: launch.sandbox, isCommandTask: launch.isCommandTask,
      requests: launch.requests.map { .init($0) }, limits: launch.limits.map { .init($0) })
    description.wishes = .init(launch.setup)
    description.hasOwnRoot = launch.setup.root != nil
    let command = LaunchRequest.Command(
      program: launch.program, arguments: launch.arguments, environment: launch.environment, user: launch.user,
      workingDirectory: launch.setup.root == nil ? launch.sandbox : ContainerSetup.sandboxInRoot)
    description.isPod = launch.isPod
    description.parentID = launch.nesting?.parentID ?? ""
    description.sharesLimits = launch.nesting?.sharesLimits ?? false
    var request = LaunchRequest(
      description: description, command: command, stateDirectory: "\(stateRoot)/\(launch.containerID)")
    request.sharesPIDs = launch.nesting?.sharesPIDs ?? false
    request.outputBounds = outputLimits.bounds(for: launch.environment)
    request.add(launch.setup)
    // Links to the host would lead nowhere in another root.
    if launch.setup.root != nil {
      request.volumes += launch.volumes.map { .init(.host($0.source), at: $0.containerPath, isReadOnly: false) }
      request.volumes += launch.nesting?.volumes ?? []
    }
    return request
  }
}

extension ContainerLaunch.Nesting {
  /// What the task shares with the others of its pod, which may have put links there.
  fileprivate var volumes: [LaunchRequest.Volume] {
    paths.map {
      .init(.hostWithoutLinks("\(parentSandbox)/\($0.path)"), at: $0.containerPath, isReadOnly: $0.isReadOnly)
    }
  }
}

extension LaunchRequest {
  fileprivate mutating func add(_ setup: ContainerSetup) {
    root = setup.root
    volumes = setup.volumes.map { volume in
      switch volume.source {
      case .host(let path): .init(.host(path), at: volume.containerPath, isReadOnly: volume.isReadOnly)
      case .sandbox(let path): .init(.sandbox(path), at: volume.containerPath, isReadOnly: volume.isReadOnly)
      }
    }
    rlimits = setup.rlimits.map { .init(name: $0.name, soft: $0.soft, hard: $0.hard) }
  }
}

extension ContainerDescription.Wishes {
  fileprivate init(_ setup: ContainerSetup) {
    self.init()
    effectiveCapabilities = setup.effectiveCapabilities
    boundingCapabilities = setup.boundingCapabilities
    isUnconfined = setup.isUnconfined
    seccompProfile = setup.seccompProfile
    hostname = setup.hostname
    shmBytes = setup.shmBytes
    sharesHostPID = setup.sharesHostPID
    sharesHostIPC = setup.sharesHostIPC
  }
}

extension ContainerDescription.Amount {
  init(_ amount: Amount) {
    self.init(name: amount.name, value: amount.value)
  }
}

extension ContainerOutcome {
  init(_ exit: ContainerExit) {
    self.init(waitStatus: exit.waitStatus, limitation: exit.limitation.map(Limitation.init), notes: exit.notes)
  }
}

extension ContainerOutcome.Limitation {
  init(_ limitation: ContainerExit.Limitation) {
    let kind: Kind =
      switch limitation.kind {
      case .memory: .memory
      case .disk: .disk
      case .other, .noted: .other
      }
    let resource = limitation.resource.map { Amount(name: $0.name, value: $0.value) }
    self.init(kind: kind, resource: resource, message: limitation.message)
  }
}

/// Checks that run as commands: their ends are not those of containers.
private final class RunningChecks: Sendable {
  private let ids = Mutex<Set<String>>([])

  func add(_ id: String) { ids.withLock { _ = $0.insert(id) } }

  /// Whether it was one.
  func remove(_ id: String) -> Bool { ids.withLock { $0.remove(id) != nil } }
}
