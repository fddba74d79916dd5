import Resources
import Wire

/// Operations: the agent's resources change at once and for good; the directories of volumes follow; then the master is
/// told until it acknowledges.
extension AgentCore {
  mutating func apply(_ event: AgentEvent.ApplyOperation) {
    let key = AgentOperation.key(event.uuid)
    guard operations[key] == nil, ending == nil else { return }
    var status = MesosOperationStatus()
    if event.info.hasID { status.operationID = event.info.id }
    status.state = .operationPending
    let operation = AgentOperation(
      uuid: [UInt8](event.uuid), frameworkID: event.hasFrameworkID ? event.frameworkID.value : nil, info: event.info,
      sequence: nextOperationSequence, status: status)
    nextOperationSequence += 1
    operations[key] = operation
    do throws(ResourceError) {
      guard let known = try ResourceOperation(wire: event.info) else {
        throw ResourceError("\(event.info.type) is not an operation that agents apply")
      }
      total = try total.applying(known.unallocated().conversions)
      persistResources()
      log(.info, "Applied \(known.name) \(key)")
      changeVolumes(of: known, key)
    } catch {
      finish(key, problem: error.description)
    }
  }

  /// The order of things makes a crash harmless at any moment: what is recorded as pending is done again, and doing it
  /// twice is as good as once.
  private mutating func changeVolumes(of operation: ResourceOperation, _ key: String) {
    let made = operation.createdVolumes.compactMap { directory(of: $0) }
    let removed = operation.destroyedVolumes.compactMap { directory(of: $0) }
    guard made.count == operation.createdVolumes.count, removed.count == operation.destroyedVolumes.count else {
      revert(operation)
      return finish(key, problem: "This agent finds no directory for a volume on such a disk")
    }
    guard !made.isEmpty || !removed.isEmpty else { return finish(key, problem: nil) }
    persist(key)
    emit(.changeVolumes(operation: key, make: made, remove: removed))
  }

  mutating func volumesChanged(_ key: String, problem: String?) {
    guard let pending = operations[key], pending.isPending else { return }
    if problem != nil, let operation = pending.operation { revert(operation) }
    finish(key, problem: problem)
  }

  /// Takes back what was converted. Nobody can have used it: tasks on it fail without its directory.
  private mutating func revert(_ operation: ResourceOperation) {
    guard let before = try? total.applying(operation.unallocated().reversed) else { return }
    total = before
    persistResources()
  }

  private mutating func finish(_ key: String, problem: String?) {
    guard var operation = operations[key] else { return }
    operation.status.state = problem == nil ? .operationFinished : .operationFailed
    if let problem {
      operation.status.message = problem
      log(.error, "Operation \(key) failed: \(problem)")
    }
    operation.status.uuid.value = .init(newUUID())
    if let agentID { operation.status.agentID.value = agentID }
    operations[key] = operation
    persist(key)
    forwardOperation(key)
    if let removed = operation.operation?.destroyedVolumes, !removed.isEmpty { deleteRemoved(removed) }
  }

  private mutating func deleteRemoved(_ volumes: some Sequence<Resource>) {
    let trashes = Set(volumes.compactMap { directory(of: $0)?.trash }).sorted()
    emit(.deleteRemoved(trashes: trashes, keeping: Set(operations.values.filter(\.isPending).map(\.key))))
  }

  /// Does again what a crash may have cut short.
  mutating func resumeOperations() {
    for operation in operations.values.sorted(by: { $0.sequence < $1.sequence }) where operation.isPending {
      guard let known = operation.operation else { continue }
      changeVolumes(of: known, operation.key)
    }
    // There may be trash wherever there may be volumes.
    let disks = total.filter { $0.name == "disk" }.map { disk in
      var volume = disk.withoutVolume
      volume.disk = Disk(persistence: .init(id: "any"), source: volume.disk?.source)
      volume.reservations = [Reservation(.dynamic, role: "any")]
      return volume
    }
    deleteRemoved(disks)
  }

  // MARK: To the master

  private mutating func forwardOperation(_ key: String) {
    guard master.isSubscribed, let operation = operations[key], !operation.isPending else { return }
    tellMaster(
      .operationUpdate(
        .with {
          $0.operationUuid = .init(operation.uuid)
          $0.status = operation.status
          if operation.status.state != .operationFinished { $0.correctedTotal = settledTotal.wire(.stack) }
        }))
    timers.set(.operationRetry(key), at: now + operation.retryNs)
  }

  /// What the agent has without the operations whose end the master does not know yet: it counts those itself.
  private var settledTotal: Resources {
    var settled = total
    for pending in operations.values.filter(\.isPending).sorted(by: { $0.sequence > $1.sequence }) {
      guard let operation = pending.operation,
        let before = try? settled.applying(operation.unallocated().reversed)
      else { continue }
      settled = before
    }
    return settled
  }

  mutating func retryOperation(_ key: String) {
    guard let retryNs = operations[key]?.retryNs else { return }
    operations[key]?.retryNs = min(retryNs * 2, ProtocolTime.longestRetryNs)
    forwardOperation(key)
  }

  mutating func resendOperations() {
    for operation in operations.values.sorted(by: { $0.sequence < $1.sequence }) {
      operations[operation.key]?.retryNs = ProtocolTime.firstRetryNs
      forwardOperation(operation.key)
    }
  }

  mutating func acknowledge(_ event: AgentEvent.AcknowledgeOperation) {
    let key = AgentOperation.key(event.operationUuid)
    guard let operation = operations[key], !operation.isPending, operation.status.uuid.value == event.statusUuid else {
      return log(.debug, "Ignoring an acknowledgement of operation \(key): not in flight")
    }
    operations[key] = nil
    timers.cancel(.operationRetry(key))
    emit(.forget(key: CheckpointKey.operation(key)))
  }

  func describedOperations() -> [AgentCall.Operation] {
    operations.values.sorted { $0.sequence < $1.sequence }.map { operation in
      .with {
        $0.uuid = .init(operation.uuid)
        if let id = operation.frameworkID { $0.frameworkID.value = id }
        $0.info = operation.info
        $0.status = operation.status
      }
    }
  }

  // MARK: Volumes

  func directory(of volume: Resource) -> VolumeDirectory? {
    VolumeDirectory(of: volume, workDirectory: configuration.workDirectory)
  }

  /// The volumes among what a task or executor uses. The master has checked that they are there.
  func volumes(in messages: [MesosResource]) -> [VolumeLink] {
    messages.compactMap { message in
      guard message.hasDisk, let volume = try? Resource(wire: message), let use = volume.disk?.volume,
        let directory = directory(of: volume)
      else { return nil }
      return VolumeLink(source: directory.path, containerPath: use.containerPath, isShared: volume.isShared)
    }
  }

  /// Volumes are symbolic links in the sandbox, as with Mesos' filesystem/posix: that bounds what they can be.
  static func problemOfVolumes(_ messages: [MesosResource]) -> String? {
    for message in messages where message.disk.hasPersistence {
      let path = message.disk.volume.containerPath
      let parts = path.split(separator: "/", omittingEmptySubsequences: false)
      if path.hasPrefix("/") {
        return "Volume '\(message.disk.persistence.id)': this agent puts volumes into the sandbox, so the container "
          + "path must be relative; '\(path)' is absolute"
      }
      if parts.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." || $0.utf8.contains(0) }) {
        return "Volume '\(message.disk.persistence.id)': '\(path)' is not a container path below the sandbox"
      }
      if message.disk.volume.mode == .ro {
        return "Volume '\(message.disk.persistence.id)': this agent cannot keep tasks from writing to a volume, so "
          + "its mode must be RW"
      }
    }
    return nil
  }

  /// Answer to `addVolumes`: the tasks that waited for their volumes.
  mutating func volumesAdded(_ containerID: String, batch: UInt64, problem: String?) {
    guard let executor = containers[containerID],
      let index = executor.queue.firstIndex(where: { $0.first?.sequence == batch })
    else { return }
    if let problem {
      for task in executor.queue.remove(at: index) {
        report(task, .taskFailed, source: .agent, reason: .containerUpdateFailed, message: problem)
      }
    } else if executor.stream != nil {
      hand(executor.queue.remove(at: index), to: executor)
    }
  }
}

extension ResourceOperation {
  /// What undoes it.
  fileprivate var reversed: [Conversion] {
    conversions.reversed().map { Conversion($0.converted, to: $0.consumed) }
  }
}
