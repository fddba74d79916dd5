import CTepui

/// The machine that an agent runs on, as isolators are told of it.
public struct NodeDescription: Equatable, Sendable {
  /// CPUs that are online, in thousandths.
  public var cpus: Int64
  public var memoryBytes: Int64
  /// Controllers of cgroup v2 that the agent can hand to containers: `cpu`, `memory`, `pids`, …
  public var controllers: [String]

  public init(cpus: Int64, memoryBytes: Int64, controllers: [String]) {
    self.cpus = cpus
    self.memoryBytes = memoryBytes
    self.controllers = controllers
  }

  func borrowed(in memory: BorrowedMemory) -> UnsafePointer<tepui_node> {
    memory.single(
      tepui_node(
        size: UInt32(MemoryLayout<tepui_node>.size), controller_count: UInt32(controllers.count), cpus: cpus,
        memory_bytes: memoryBytes, controllers: memory.array(controllers.map(memory.text))))
  }
}

extension ContainerDescription {
  func borrowed(in memory: BorrowedMemory, running: Bool) -> UnsafePointer<tepui_container> {
    var container = tepui_container()
    container.size = UInt32(MemoryLayout<tepui_container>.size)
    container.flags =
      (isCommandTask ? TEPUI_CONTAINER_COMMAND_TASK : 0) | (running ? TEPUI_CONTAINER_RUNNING : 0)
      | (isPod ? TEPUI_CONTAINER_POD : 0) | (sharesLimits ? TEPUI_CONTAINER_SHARES_LIMITS : 0)
    container.id = memory.text(id)
    container.framework = memory.text(frameworkID)
    container.executor = memory.text(executorID)
    container.role = memory.text(role)
    container.user = memory.text(user)
    container.sandbox = memory.text(sandbox)
    container.requests = amounts(requests, in: memory)
    container.request_count = UInt32(requests.count)
    container.limits = amounts(limits, in: memory)
    container.limit_count = UInt32(limits.count)
    container.pid = Int64(pid)
    container.parent = memory.text(parentID)
    return memory.single(container)
  }

  private func amounts(_ amounts: [Amount], in memory: BorrowedMemory) -> UnsafePointer<tepui_amount>? {
    memory.array(
      amounts.map {
        tepui_amount(size: UInt32(MemoryLayout<tepui_amount>.size), name: memory.text($0.name), value: $0.value)
      })
  }
}
