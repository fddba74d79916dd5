import Resources
import Wire

/// A scalar resource in thousandths of its unit.
public struct Amount: Equatable, Sendable {
  /// No bound.
  public static let unlimited = Int64.max

  public var name: String
  public var value: Int64

  public init(name: String, value: Int64) {
    self.name = name
    self.value = value
  }
}

/// What the shell needs to launch a container, or to find it again.
public struct ContainerLaunch: Equatable, Sendable {
  public var containerID: String
  public var frameworkID: String
  public var executorID: String
  public var isCommandTask: Bool
  public var role: String
  /// The user to run as and to own the sandbox; nil is the agent's own.
  public var user: String?
  /// Absolute path of the sandbox.
  public var sandbox: String
  public var requests: [Amount]
  public var limits: [Amount]
  public var program: String
  /// With the zeroth.
  public var arguments: [String]
  public var environment: [String: String]
  /// To be put into the sandbox first.
  public var uris: [MesosCommandInfo.URI]
  /// Likewise.
  public var volumes: [VolumeLink]
  /// The container of a pod itself: it holds those of its tasks together and runs nothing.
  public var isPod = false
  /// Of a task's container within a pod.
  public var nesting: Nesting?

  /// How a container belongs to that of its pod.
  public struct Nesting: Equatable, Sendable {
    public var parentID: String
    public var taskID: String
    public var parentSandbox: String
    /// The user of the pod, to whom what its tasks share belongs; nil is the agent's own.
    public var parentUser: String?
    /// It is held by the limits of the pod only, which are those of all its tasks together.
    public var sharesLimits: Bool
    /// It sees the processes of the pod, if those are apart from the machine's.
    public var sharesPIDs: Bool
    public var paths: [SharedPath]
  }
  /// From the ContainerInfo.
  public var setup = ContainerSetup()
  /// Its health is to be checked over HTTPS.
  public var isCheckedByHTTPS = false
}

extension ContainerLaunch {
  /// Program and arguments of a command. With a shell the value is a script; without, the arguments include the zeroth.
  static func words(of command: MesosCommandInfo) -> (program: String, arguments: [String]) {
    if command.shell { return ("/bin/sh", ["sh", "-c", command.value]) }
    return (command.value, command.arguments.isEmpty ? [command.value] : command.arguments)
  }
}

/// Adds up scalar resources by name.
struct AmountSum {
  private(set) var amounts: [Amount] = []

  mutating func add(_ resources: [MesosResource]) {
    for resource in resources where resource.type == .scalar {
      add(resource.name, Self.thousandths(resource.scalar.value))
    }
  }

  mutating func subtract(_ resources: [MesosResource]) {
    for resource in resources where resource.type == .scalar {
      if let index = amounts.firstIndex(where: { $0.name == resource.name }), amounts[index].value != Amount.unlimited {
        let sum = Quantity(thousandths: amounts[index].value)
        amounts[index].value = (sum - Quantity(resource.scalar.value)).thousandths
      }
    }
  }

  mutating func add(_ name: String, _ value: Int64) {
    guard let index = amounts.firstIndex(where: { $0.name == name }) else {
      amounts.append(Amount(name: name, value: value))
      return
    }
    let (sum, overflow) = amounts[index].value.addingReportingOverflow(value)
    amounts[index].value = overflow ? Amount.unlimited : sum
  }

  subscript(name: String) -> Int64? {
    amounts.first { $0.name == name }?.value
  }

  /// Protocol fact 135. Infinity, legal in limits only (protocol fact 131), is no bound.
  static func thousandths(_ value: Double) -> Int64 { Quantity(value).thousandths }
}
