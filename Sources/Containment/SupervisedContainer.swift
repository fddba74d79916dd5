import Glibc
import ModuleHost

/// A container from its launch to its end. Of the containment thread alone.
final class SupervisedContainer {
  typealias LaunchAnswer = @Sendable (Result<LaunchedContainer, LaunchFailure>) -> Void

  /// What is told when nothing of the container is left.
  enum Completion {
    case exited
    case launchFailed(LaunchFailure, LaunchAnswer)
    case orphanRemoved(() -> Void)
  }

  enum Phase {
    /// The supervisor prepares the command; `mayRun` once the command was allowed to be executed.
    case starting(control: Int32, mayRun: Bool, LaunchAnswer)
    case running
    /// Everything is being killed and removed.
    case ending(Completion)
  }

  /// Set in the environment of every command to its state directory, of which the machine has no second: it finds
  /// processes again that lost their supervisor.
  static let markerName = "TEPUI_CONTAINER"

  var request: LaunchRequest
  var plan: ContainerPlan
  var phase: Phase
  var supervisor: ProcessHandle?
  var command: ProcessHandle?
  /// Of the command, also when it has ended before anybody could get hold of it.
  var commandIdentity: StateDirectory.Identity?
  /// The isolators whose `cleanup` is due, in the order of their `prepare`.
  var prepared: [any Isolator] = []
  var limitation: ContainerExit.Limitation?
  var notes: [String] = []
  /// nil where there is no cgroup2.
  var cgroup: ContainerCgroup?
  var observedFiles: [Int32] = []
  /// The latest measurement in bytes, if a plan wants the disk measured.
  var diskUse: UInt64?
  var diskTimer: UInt64?
  var diskMeasurement: DiskMeter.Measurement?
  /// Turns at bringing it to its end, and when the first was.
  var endingTurns = 0
  var endingSinceNs: UInt64 = 0
  var timer: UInt64?

  /// Containers within this one.
  var children: Set<String> = []
  /// Namespaces of its pod or host that it enters.
  var joined: JoinedNamespaces?

  /// Launched by an earlier life of the agent.
  var isRecovered = false
  /// Once the first of them came.
  var planForVisitors: ContainerPlan?
  var isVisitor: Bool { request.visits != nil }

  var id: String { request.description.id }
  /// Empty for none.
  var parentID: String { request.description.parentID }
  var state: StateDirectory { StateDirectory(path: request.stateDirectory) }
  var marker: String { "\(Self.markerName)=\(request.stateDirectory)" }

  init(request: LaunchRequest, plan: ContainerPlan, phase: Phase) {
    self.request = request
    self.plan = plan
    self.phase = phase
  }

  var isEnding: Bool {
    if case .ending = phase { true } else { false }
  }

  /// Sends a signal to every process but the supervisor.
  func signal(_ number: Int32) {
    if let cgroup {
      for pid in cgroup.processes() { ProcessHandle(pid: pid)?.signal(number) }
    } else if let supervisor {
      ProcessTree.signalDescendants(of: supervisor.pid, number)
    }
  }

  /// Kills what is left. Answers whether nothing was.
  func killRemaining() -> Bool {
    if let cgroup { return killRemaining(in: cgroup) }
    guard let supervisor else { return killStragglers() }
    guard supervisor.hasEnded() else {
      ProcessTree.killDescendants(of: supervisor.pid)
      return false
    }
    // It ends by itself only after its last descendant. Those in the pod's namespace of pids may be the pod's now.
    return (supervisor.endedInOrder && !request.sharesPIDs) || killStragglers()
  }

  private func killRemaining(in cgroup: ContainerCgroup) -> Bool {
    guard let supervisor, !supervisor.hasEnded() else { return cgroup.killAll() }
    // It ends by itself after its last child, and stores the status before.
    _ = cgroup.killProcesses()
    return false
  }

  private func killStragglers() -> Bool {
    let command = commandIdentity.map { (pid: $0.pid, startTime: $0.startTime) }
    let stragglers = ProcessTree.stragglers(command: command, marker: marker)
    for process in stragglers { process.signal(SIGSTOP) }
    for process in stragglers { process.signal(SIGKILL) }
    return stragglers.isEmpty
  }
}
