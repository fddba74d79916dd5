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
    let flags = [
      (isCommandTask, TEPUI_CONTAINER_COMMAND_TASK), (running, TEPUI_CONTAINER_RUNNING),
      (isPod, TEPUI_CONTAINER_POD), (sharesLimits, TEPUI_CONTAINER_SHARES_LIMITS),
      (hasOwnRoot, TEPUI_CONTAINER_OWN_ROOT),
      (wishes.effectiveCapabilities != nil, TEPUI_CONTAINER_ASKS_EFFECTIVE),
      (wishes.boundingCapabilities != nil, TEPUI_CONTAINER_ASKS_BOUNDING),
      (wishes.isUnconfined, TEPUI_CONTAINER_ASKS_UNCONFINED),
      (wishes.sharesHostPID, TEPUI_CONTAINER_ASKS_HOST_PID), (wishes.sharesHostIPC, TEPUI_CONTAINER_ASKS_HOST_IPC),
    ]
    container.flags = flags.reduce(0) { $0 | ($1.0 ? $1.1 : 0) }
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
    container.effective_capabilities = wishes.effectiveCapabilities ?? 0
    container.bounding_capabilities = wishes.boundingCapabilities ?? 0
    container.shm_bytes = wishes.shmBytes
    container.hostname = memory.text(wishes.hostname)
    container.seccomp_profile = memory.text(wishes.seccompProfile)
    return memory.single(container)
  }

  private func amounts(_ amounts: [Amount], in memory: BorrowedMemory) -> UnsafePointer<tepui_amount>? {
    memory.array(
      amounts.map {
        tepui_amount(size: UInt32(MemoryLayout<tepui_amount>.size), name: memory.text($0.name), value: $0.value)
      })
  }
}
