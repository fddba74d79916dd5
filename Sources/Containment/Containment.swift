import Glibc
import Logging
import ModuleHost

/// Containers of this machine: each is one command under a supervisor that outlives the agent.
///
/// All state belongs to one thread of its own, on which isolators are called and answers are given. It waits for
/// descriptors only (supervisors, commands, cgroup events), so that hundreds of containers cost it nothing at rest.
public final class Containment: Containing, @unchecked Sendable {
  public struct Configuration: Sendable {
    /// Absolute path of `tepui-supervisor`.
    public var supervisor: String
    /// The directory whose children are the state directories of containers, named by their ids; `destroyOrphans`
    /// looks there. nil: only cgroups tell of orphans.
    public var stateRoot: String?
    /// From `CgroupRoot.discover`; nil runs containers without cgroups, and so without limits.
    public var cgroups: CgroupRoot?
    /// Tests may put failures here.
    public var cgroupFiles: @Sendable () -> any CgroupFiles = { KernelCgroupFiles() }
    public var log: Logger

    public init(
      supervisor: String, stateRoot: String?, cgroups: CgroupRoot? = nil, log: Logger = Logger(label: "containment")
    ) {
      self.cgroups = cgroups
      self.supervisor = supervisor
      self.stateRoot = stateRoot
      self.log = log
    }
  }

  let configuration: Configuration
  let isolators: [any Isolator]
  let exited: @Sendable (String, ContainerExit) -> Void
  let loop: EventLoop
  let tree: CgroupTree?
  let bootID = StateDirectory.currentBootID()
  var log: Logger { configuration.log }

  /// By id. Of the thread alone.
  var containers: [String: SupervisedContainer] = [:]

  var meter: DiskMeter?

  /// Cgroup controllers that containers can have; nil without cgroups.
  var controllers: Set<String>? { configuration.cgroups?.controllers }

  /// - Parameters:
  ///   - isolators: in the order in which they are asked; they are used on containment's thread only from now on.
  ///   - exited: told once for every container that was launched or recovered, on containment's thread.
  /// - Throws: `ContainmentFailure` if the isolators cannot work together or the supervisor is missing.
  public init(
    _ configuration: Configuration, isolators: sending [any Isolator],
    exited: @escaping @Sendable (_ containerID: String, ContainerExit) -> Void
  ) throws(ContainmentFailure) {
    self.configuration = configuration
    self.isolators = isolators
    self.exited = exited
    if let root = configuration.cgroups {
      tree = try CgroupTree(root, files: configuration.cgroupFiles())
    } else {
      tree = nil
    }
    do {
      loop = try EventLoop(name: "containment")
    } catch {
      throw ContainmentFailure(message: "containment cannot start its thread: \(error)")
    }
    do {
      try checkSupervisor()
      try checkIsolators()
    } catch {
      loop.stop()
      throw error
    }
    loop.submit { [self] in
      do {
        try tree?.start(on: loop)
      } catch {
        log.error("limits are noticed only when containers end: \(error)")
      }
    }
  }

  /// Ends the thread and lets go of all containers, which run on. Nothing is told any more.
  public func stop() { loop.stop() }

  public func launch(
    _ request: LaunchRequest, _ answer: @escaping @Sendable (Result<LaunchedContainer, LaunchFailure>) -> Void
  ) {
    loop.submit { [self] in begin(request, answer) }
  }

  public func launch(
    _ visitor: VisitorRequest, _ answer: @escaping @Sendable (Result<LaunchedContainer, LaunchFailure>) -> Void
  ) {
    loop.submit { [self] in begin(visitor, answer) }
  }

  public func network(
    of containerID: String, _ answer: @escaping @Sendable (Result<ContainerNetwork?, ContainmentFailure>) -> Void
  ) {
    loop.submit { [self] in answer(Result { () throws(ContainmentFailure) in try network(of: containerID) }) }
  }

  private func network(of containerID: String) throws(ContainmentFailure) -> ContainerNetwork? {
    guard let container = containers[containerID], case .running = container.phase, let command = container.command
    else { throw ContainmentFailure(message: "the container \(containerID) does not run") }
    return try ContainerNetwork.find(of: command)
  }

  public func mounts(of containerID: String, _ answer: @escaping @Sendable (ContainerMounts?) -> Void) {
    loop.submit { [self] in
      // Of one that has ended it does not matter.
      answer(containers[containerID]?.command.flatMap { try? ContainerMounts.find(of: $0) })
    }
  }

  public func recover(_ request: LaunchRequest, _ answer: @escaping @Sendable (LaunchedContainer?) -> Void) {
    loop.submit { [self] in takeOver(request, answer) }
  }

  public func signal(_ containerID: String, _ signal: Int32) {
    loop.submit { [self] in
      guard let container = containers[containerID], case .running = container.phase else { return }
      container.signal(signal)
    }
  }

  public func destroy(_ containerID: String) {
    loop.submit { [self] in
      guard let container = containers[containerID] else { return }
      end(container)
    }
  }

  public func update(
    _ containerID: String, requests: [ContainerDescription.Amount], limits: [ContainerDescription.Amount],
    _ answer: @escaping @Sendable (IsolatorFailure?) -> Void
  ) {
    loop.submit { [self] in answer(fit(containerID, requests: requests, limits: limits)) }
  }

  public func usage(
    _ containerIDs: [String], _ answer: @escaping @Sendable ([String: [String: Double]]) -> Void
  ) {
    loop.submit { [self] in
      answer(Dictionary(containerIDs.map { ($0, measure($0)) }) { first, _ in first })
    }
  }

  public func destroyOrphans(keeping keep: Set<String>, _ answer: @escaping @Sendable ([String]) -> Void) {
    loop.submit { [self] in removeOrphans(keeping: keep, answer) }
  }

  private func checkSupervisor() throws(ContainmentFailure) {
    guard access(configuration.supervisor, X_OK) == 0 else {
      let failure = SystemFailure("run the supervisor \(configuration.supervisor)")
      throw ContainmentFailure(message: "cannot \(failure); install tepui-supervisor beside tepui-agent")
    }
  }

  /// Two isolators that claim one field do so for every container: a made-up one shows it before any is launched.
  /// Other refusals may depend on the container and are left to its launch.
  private func checkIsolators() throws(ContainmentFailure) {
    var ids: Set<String> = []
    for isolator in isolators where !ids.insert(isolator.id).inserted {
      throw ContainmentFailure(message: "isolator \(isolator.id) is active twice; name it once in --isolation")
    }
    let sample = ContainerDescription(
      id: "sample", frameworkID: "sample", executorID: "sample", role: "*", user: "root", sandbox: "/tmp",
      isCommandTask: true,
      requests: [.init(name: "cpus", value: 1000), .init(name: "mem", value: 1_024_000)])
    do {
      _ = try ContainerPlan(
        isolators.map { ($0.id, (try? $0.plan(sample, running: false)) ?? []) }, running: false,
        controllers: controllers)
    } catch ContainerPlan.Refusal.conflict(let field, let claimants) {
      throw ContainmentFailure(
        message: ContainerPlan.Refusal.conflict(field: field, isolators: claimants).description)
    } catch {}
  }
}

/// Why containment cannot start.
public struct ContainmentFailure: Error, Equatable, CustomStringConvertible {
  public let message: String

  public init(message: String) { self.message = message }

  public var description: String { message }
}
