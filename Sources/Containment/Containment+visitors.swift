import ModuleHost

/// A command that is run beside that of a running container: in its sandbox, as its user, with no more rights, under its
/// limits. What it writes goes to the container's `stderr`.
public struct VisitorRequest: Sendable {
  /// Names a container of its own.
  public var id: String
  public var hostID: String
  /// Path or name of the program (looked up in the PATH of `environment`).
  public var program: String
  /// With the zeroth.
  public var arguments: [String]
  /// Wins over what isolators set.
  public var environment: [String: String]
  /// As of a `LaunchRequest`.
  public var stateDirectory: String
  /// It has the network of the container, but sees the files and processes of the agent.
  public var joinsNetworkOnly = false

  public init(
    id: String, hostID: String, program: String, arguments: [String], environment: [String: String],
    stateDirectory: String
  ) {
    self.id = id
    self.hostID = hostID
    self.program = program
    self.arguments = arguments
    self.environment = environment
    self.stateDirectory = stateDirectory
  }
}

/// Visitors are containers within others. Isolators know nothing of them: what they planned for the host holds for all
/// that is in its groups, and the rest of its plan is the visitor's too.
extension Containment {
  func begin(_ visitor: VisitorRequest, _ answer: @escaping SupervisedContainer.LaunchAnswer) {
    guard let host = containers[visitor.hostID], case .running = host.phase, !host.isVisitor else {
      return answer(.failure(.init(step: .plan, message: "the container \(visitor.hostID) does not run")))
    }
    do {
      try checkID(visitor.id)
      begin(Self.request(visitor, of: host.request), try planForVisitors(of: host), answer)
    } catch {
      answer(.failure(error))
    }
  }

  /// Whether it is a visitor that may have ended because its host does: what came of it says nothing then.
  func hostEnds(of container: SupervisedContainer) -> Bool {
    guard container.isVisitor else { return false }
    guard let host = containers[container.parentID], !host.isEnding else { return true }
    return host.command?.hasEnded() ?? true
  }

  private static func request(_ visitor: VisitorRequest, of host: LaunchRequest) -> LaunchRequest {
    var description = host.description
    description.id = visitor.id
    description.parentID = host.description.id
    description.isPod = false
    description.requests = []
    description.limits = []
    let command = LaunchRequest.Command(
      program: visitor.program, arguments: visitor.arguments, environment: visitor.environment,
      user: host.command.user,
      workingDirectory: visitor.joinsNetworkOnly ? description.sandbox : host.command.workingDirectory)
    var request = LaunchRequest(
      description: description, command: command, stateDirectory: visitor.stateDirectory)
    request.sharesPIDs = !visitor.joinsNetworkOnly
    request.outputBounds = host.outputBounds
    request.visits = visitor.joinsNetworkOnly ? .network : [.mount, .pid, .ipc, .uts, .network, .cgroup]
    return request
  }

  /// Isolators are asked again where only an earlier agent knew what they had planned.
  private func planForVisitors(of host: SupervisedContainer) throws(LaunchFailure) -> ContainerPlan {
    if let plan = host.planForVisitors { return plan }
    let plan = (host.isRecovered ? try plan(host.request) : host.plan).forVisitors()
    host.planForVisitors = plan
    return plan
  }
}
