import Wire

extension MesosTaskInfo {
  /// A small task on an offer, whose command a shell runs.
  static func task(
    _ name: String, on offer: MesosOffer, _ command: String = "exec sleep 1000", cpus: Double = 0.1, mem: Double = 32,
    _ change: (inout MesosTaskInfo) -> Void = { _ in }
  ) -> MesosTaskInfo {
    .with { task in
      let role = offer.allocationInfo.role
      task.name = name
      task.taskID.value = name
      task.agentID = offer.agentID
      task.resources = [.scalar("cpus", cpus, role), .scalar("mem", mem, role)]
      task.command.value = command
      change(&task)
    }
  }
}

extension MesosOffer.Operation {
  static func launching(_ tasks: [MesosTaskInfo]) -> MesosOffer.Operation {
    .with {
      $0.type = .launch
      $0.launch.taskInfos = tasks
    }
  }

  func named(_ id: String) -> MesosOffer.Operation {
    var operation = self
    operation.id.value = id
    return operation
  }
}

extension TestFramework {
  func launch(_ tasks: [MesosTaskInfo], on offer: MesosOffer) async throws {
    try await accept(offer, [.launching(tasks)])
  }

  /// Accepts an offer with tasks, of which each runs `command` in a shell.
  func launch(_ tasks: [String], on offer: MesosOffer, cpus: Double = 0.01, mem: Double = 1, _ command: String)
    async throws
  {
    try await launch(tasks.map { .task($0, on: offer, command, cpus: cpus, mem: mem) }, on: offer)
  }

  /// Accepts an offer with a group of tasks on an executor of type DEFAULT.
  func launchGroup(_ tasks: [MesosTaskInfo], on offer: MesosOffer, executor: String = "pod") async throws {
    try await accept(offer, [launchingGroup(tasks, on: offer, executor: executor)])
  }

  func launchingGroup(_ tasks: [MesosTaskInfo], on offer: MesosOffer, executor: String) -> MesosOffer.Operation {
    let role = offer.allocationInfo.role
    return .with {
      $0.type = .launchGroup
      $0.launchGroup.executor.type = .default
      $0.launchGroup.executor.executorID.value = executor
      $0.launchGroup.executor.frameworkID = info.id
      $0.launchGroup.executor.resources = [
        .scalar("cpus", 0.1, role), .scalar("mem", 32, role), .scalar("disk", 16, role),
      ]
      $0.launchGroup.taskGroup.tasks = tasks
    }
  }
}
