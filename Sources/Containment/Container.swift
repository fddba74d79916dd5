import ModuleHost

/// A container that is to be launched. Everything in it is final but for what the isolators add.
public struct LaunchRequest: Sendable {
  /// Tells isolators who it is; its `id` names the cgroup.
  public var description: ContainerDescription
  public var command: Command
  /// Absolute path of the container's own directory for what must outlive the agent: the launch record, the exit
  /// status. Made if it is missing. Below `Containment.Configuration.stateRoot` it is named by the container's id. The
  /// command finds the path as TEPUI_CONTAINER in its environment.
  public var stateDirectory: String
  /// Within a pod: it sees the processes of the pod, if those have a namespace of pids.
  public var sharesPIDs = false
  /// Absolute path of the directory that becomes the container's root file system, read-only; nil is the host's.
  public var root: String?
  public var volumes: [Volume] = []
  public var rlimits: [ResourceLimit] = []
  /// nil lets stdout and stderr grow.
  public var outputBounds: OutputBounds?
  /// Set for a visitor: the namespaces of its host that it enters.
  var visits: PlanEntry.Namespaces?

  public init(description: ContainerDescription, command: Command, stateDirectory: String) {
    self.description = description
    self.command = command
    self.stateDirectory = stateDirectory
  }

  /// Something of the host that the container sees at a path of its own.
  public struct Volume: Equatable, Sendable {
    public enum Source: Equatable, Sendable {
      /// Absolute path of what exists.
      case host(String)
      /// The same where tasks may write, so that no part of it may be a symbolic link.
      case hostWithoutLinks(String)
      /// Relative path of a directory, made if it is missing.
      case sandbox(String)
    }
    public var source: Source
    /// Relative to the sandbox, or absolute; without "..".
    public var containerPath: String
    public var isReadOnly: Bool

    public init(_ source: Source, at containerPath: String, isReadOnly: Bool) {
      self.source = source
      self.containerPath = containerPath
      self.isReadOnly = isReadOnly
    }
  }

  /// A file that is full becomes `stdout.1`, and so on up to the number of older ones that are kept. It holds also while
  /// the agent is away, and for visitors.
  public struct OutputBounds: Equatable, Sendable {
    /// Of one file; at least 1.
    public var stdoutBytes: UInt64
    public var stderrBytes: UInt64
    public var olderFiles: UInt32

    public init(stdoutBytes: UInt64, stderrBytes: UInt64, olderFiles: UInt32) {
      self.stdoutBytes = stdoutBytes
      self.stderrBytes = stderrBytes
      self.olderFiles = olderFiles
    }
  }

  /// `name` as in `PlanEntry.rlimit`.
  public struct ResourceLimit: Equatable, Sendable {
    public var name: String
    public var soft: UInt64
    public var hard: UInt64

    public init(name: String, soft: UInt64, hard: UInt64) {
      self.name = name
      self.soft = soft
      self.hard = hard
    }
  }

  public struct Command: Sendable {
    /// Path or name of the program (looked up in the PATH of `environment`).
    public var program: String
    /// With the zeroth.
    public var arguments: [String]
    /// Wins over what isolators set.
    public var environment: [String: String]
    /// A name or a number; nil is the user that the agent runs as.
    public var user: String?
    /// Absolute; `stdout` and `stderr` are made in the sandbox of the description.
    public var workingDirectory: String

    public init(
      program: String, arguments: [String], environment: [String: String], user: String?, workingDirectory: String
    ) {
      self.program = program
      self.arguments = arguments
      self.environment = environment
      self.user = user
      self.workingDirectory = workingDirectory
    }
  }
}

/// A launched container: its supervisor and the command's first process.
public struct LaunchedContainer: Equatable, Sendable {
  public var supervisorPID: Int32
  public var pid: Int32

  public init(supervisorPID: Int32, pid: Int32) {
    self.supervisorPID = supervisorPID
    self.pid = pid
  }
}

/// Why a launch failed: the step and what it was about.
public struct LaunchFailure: Error, Equatable, CustomStringConvertible {
  public enum Step: String, Sendable {
    case plan, prepare, sandbox, cgroup, spawn, isolate, namespaces, root, mount, rlimits, user, privileges
    case workingDirectory, seccomp, execute
  }
  public let step: Step
  public let message: String

  public init(step: Step, message: String) {
    self.step = step
    self.message = message
  }

  public var description: String { message }
}

/// How a container ended. No process of it is left and its cgroup is gone when this is told.
public struct ContainerExit: Equatable, Sendable {
  /// As waitpid gives it; nil if nobody saw it (the supervisor was killed too).
  public var waitStatus: Int32?
  /// Set when a watch fired or the container was over a limit.
  public var limitation: Limitation?
  /// For people: limits that it met and that ended nothing, such as that of its processes.
  public var notes: [String]

  public init(waitStatus: Int32?, limitation: Limitation?, notes: [String] = []) {
    self.waitStatus = waitStatus
    self.limitation = limitation
    self.notes = notes
  }

  public struct Limitation: Equatable, Sendable {
    public var kind: PlanEntry.Watch.Limitation
    /// The limited resource and its limit in thousandths of Mesos' unit, if known: `mem` 64000.
    public var resource: ContainerDescription.Amount?
    /// For people, with limit and peak.
    public var message: String

    public init(kind: PlanEntry.Watch.Limitation, resource: ContainerDescription.Amount?, message: String) {
      self.kind = kind
      self.resource = resource
      self.message = message
    }
  }
}

/// What the agent asks of containment. All calls return at once; answers come on a thread of containment's own, in the
/// order of the events of one container.
public protocol Containing: AnyObject, Sendable {
  /// Launches a container. After success exactly one `exited` follows; after failure nothing of it is left. The command
  /// of a pod is not executed. A container within a pod is told to have exited before its pod is.
  func launch(
    _ request: LaunchRequest, _ answer: @escaping @Sendable (Result<LaunchedContainer, LaunchFailure>) -> Void)

  /// Likewise for a command beside that of a running container. It ends before the container does, and has no status if
  /// the container ends too.
  func launch(
    _ visitor: VisitorRequest, _ answer: @escaping @Sendable (Result<LaunchedContainer, LaunchFailure>) -> Void)

  /// The network of a running container; nil if it is that of the agent. Fails if the container does not run any more.
  func network(
    of containerID: String, _ answer: @escaping @Sendable (Result<ContainerNetwork?, ContainmentFailure>) -> Void)

  /// The mounts of a running container; nil if they are those of the agent.
  func mounts(of containerID: String, _ answer: @escaping @Sendable (ContainerMounts?) -> Void)

  /// Takes over a container of an earlier life of the agent; a pod before those within it. Exactly one `exited` follows, maybe at once.
  func recover(_ request: LaunchRequest, _ answer: @escaping @Sendable (LaunchedContainer?) -> Void)

  /// Sends a signal to all processes of the container but the supervisor.
  func signal(_ containerID: String, _ signal: Int32)

  /// Kills all that is left of the container, and before that of those within it. `exited` follows.
  func destroy(_ containerID: String)

  /// Fits the container to new amounts. A failure leaves it as it was and is told.
  func update(
    _ containerID: String, requests: [ContainerDescription.Amount], limits: [ContainerDescription.Amount],
    _ answer: @escaping @Sendable (IsolatorFailure?) -> Void)

  /// Measures running containers: values by field name of Mesos' ResourceStatistics, by container.
  func usage(_ containerIDs: [String], _ answer: @escaping @Sendable ([String: [String: Double]]) -> Void)

  /// Destroys every container under this agent's root that is not among `keep`: what an earlier life left behind.
  func destroyOrphans(keeping keep: Set<String>, _ answer: @escaping @Sendable ([String]) -> Void)
}
