import AgentCore
import Wire

func resource(_ name: String, _ value: Double, role: String? = nil) -> MesosResource {
  .with {
    $0.name = name
    $0.type = .scalar
    $0.scalar.value = value
    if let role { $0.allocationInfo.role = role }
  }
}

func framework(
  checkpoint: Bool = false, _ capabilities: [MesosFrameworkInfo.Capability.TypeEnum] = []
) -> MesosFrameworkInfo {
  .with {
    $0.id.value = "F"
    $0.name = "test"
    $0.user = "alice"
    $0.checkpoint = checkpoint
    $0.capabilities = capabilities.map { type in .with { $0.type = type } }
  }
}

func command(_ script: String) -> MesosCommandInfo {
  .with { $0.value = script }
}

func task(_ id: String, _ script: String? = "true", cpus: Double = 1, mem: Double = 64) -> MesosTaskInfo {
  .with {
    $0.name = id
    $0.taskID.value = id
    $0.agentID.value = Simulation.agentID
    $0.resources = [resource("cpus", cpus, role: "web"), resource("mem", mem, role: "web")]
    if let script { $0.command = command(script) }
  }
}

func executor(_ id: String = "E") -> MesosExecutorInfo {
  .with {
    $0.type = .custom
    $0.executorID.value = id
    $0.command = command("run-executor")
    $0.resources = [resource("cpus", 0.1, role: "web"), resource("mem", 32, role: "web")]
  }
}

/// An executor of type DEFAULT.
func pod(_ id: String = "P") -> MesosExecutorInfo {
  .with {
    $0.type = .default
    $0.executorID.value = id
    $0.resources = [
      resource("cpus", 0.1, role: "web"), resource("mem", 32, role: "web"), resource("disk", 16, role: "web"),
    ]
  }
}

func executorCall(_ executor: String, _ type: ExecutorCall.TypeEnum) -> ExecutorCall {
  .with {
    $0.frameworkID.value = "F"
    $0.executorID.value = executor
    $0.type = type
  }
}

/// A status as an executor sends it; `number` makes its uuid.
func status(_ task: String, _ state: MesosTaskState, _ number: UInt8) -> MesosTaskStatus {
  .with {
    $0.taskID.value = task
    $0.state = state
    $0.source = .executor
    $0.uuid = .init([UInt8](repeating: number, count: 16))
  }
}

/// Wait statuses as waitpid(2) gives them.
enum Exit {
  static func status(_ code: Int32) -> ContainerOutcome { ContainerOutcome(waitStatus: code << 8) }
  static func signal(_ number: Int32) -> ContainerOutcome { ContainerOutcome(waitStatus: number) }
  static let unknown = ContainerOutcome(waitStatus: nil)
}
