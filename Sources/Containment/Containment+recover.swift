import Glibc
import ModuleHost

/// What an earlier life of the agent left.
extension Containment {
  func takeOver(_ request: LaunchRequest, _ answer: @escaping @Sendable (LaunchedContainer?) -> Void) {
    guard containers[request.description.id] == nil else { return answer(nil) }
    let container = find(request)
    container.isRecovered = true
    containers[container.id] = container
    containers[container.parentID]?.children.insert(container.id)
    recoverIsolators(container)
    // The limits stand as they were written; the watches are needed again.
    do {
      container.plan = try plan(container.request.description)
    } catch {
      log.warning("container \(container.id) is not watched for its limits: \(error)")
    }
    settle(container, by: EventLoop.nowNs() + Self.decisionLimitNs, answer)
  }

  /// What waits for the consent of an agent that is dead gets none, and ends at once.
  private static let decisionLimitNs: UInt64 = 10_000_000_000

  /// Tells what a container is, once it is known whether its command ever runs.
  private func settle(
    _ container: SupervisedContainer, by limitNs: UInt64, _ answer: @escaping @Sendable (LaunchedContainer?) -> Void
  ) {
    guard containers[container.id] === container, case .running = container.phase else { return answer(nil) }
    if waitsForConsent(container), EventLoop.nowNs() < limitNs {
      _ = loop.schedule(afterMs: 1) { [self] in settle(container, by: limitNs, answer) }
      return
    }
    guard let supervisor = container.supervisor, let command = container.commandIdentity, !container.state.wasNotRun()
    else {
      answer(nil)
      return end(container, as: .exited)
    }
    answer(LaunchedContainer(supervisorPID: supervisor.pid, pid: command.pid))
    observeWatches(of: container)
    do {
      try watchSupervisor(of: container)
      try watchCommand(of: container)
    } catch {
      log.error("container \(container.id) is destroyed because it cannot be watched: \(error)")
      return end(container, as: .exited)
    }
    checkWatches(of: container)
    measureDisk(of: container)
    // The supervisor lives on for processes that the command left behind.
    if container.command == nil || container.limitation != nil { end(container, as: .exited) }
  }

  /// Until its exec a command is its supervisor's program. What keeps a pod stays that.
  private func waitsForConsent(_ container: SupervisedContainer) -> Bool {
    guard !container.request.description.isPod, let supervisor = container.supervisor,
      let command = container.command, !command.hasEnded(), let program = Files.link("/proc/\(command.pid)/exe")
    else { return false }
    return program == Files.link("/proc/\(supervisor.pid)/exe")
  }

  /// The container of a state directory, with those of its processes that are still the same.
  private func find(_ request: LaunchRequest) -> SupervisedContainer {
    let container = SupervisedContainer(request: request, plan: ContainerPlan(), phase: .running)
    let group =
      container.parentID.isEmpty ? tree?.find(container.id) : tree?.group(of: container.id, in: container.parentID)
    if let group, group.exists { container.cgroup = group }
    // Pids of another boot mean nothing, and none of its processes is left.
    guard let record = container.state.launchRecord(), record.bootID == bootID else { return container }
    container.commandIdentity = record.command
    container.request.description.pid = record.command.pid
    let supervisor = ProcessHandle(pid: record.supervisor.pid, startTime: record.supervisor.startTime)
    if let supervisor, !supervisor.hasEnded() { container.supervisor = supervisor }
    container.command = ProcessHandle(pid: record.command.pid, startTime: record.command.startTime)
    return container
  }

  private func recoverIsolators(_ container: SupervisedContainer) {
    for isolator in isolators {
      container.prepared.append(isolator)
      do {
        try isolator.perform(.recover, container.request.description)
      } catch {
        log.warning("container \(container.id): \(error)")
      }
    }
  }

  func removeOrphans(keeping keep: Set<String>, _ answer: @escaping @Sendable ([String]) -> Void) {
    let names = Set(configuration.stateRoot.map(Files.list) ?? []).union(tree?.groups() ?? [])
    let orphans = names.filter { !keep.contains($0) && containers[$0] == nil }.sorted()
    guard !orphans.isEmpty else { return answer([]) }
    var left = orphans.count
    for id in orphans {
      let path = "\(configuration.stateRoot ?? "")/\(id)"
      let description = ContainerDescription(
        id: id, frameworkID: "", executorID: "", role: "", user: "", sandbox: "", isCommandTask: false, requests: [])
      let command = LaunchRequest.Command(
        program: "", arguments: [], environment: [:], user: nil, workingDirectory: "/")
      let container = find(LaunchRequest(description: description, command: command, stateDirectory: path))
      containers[id] = container
      recoverIsolators(container)
      try? watchSupervisor(of: container)
      end(
        container,
        as: .orphanRemoved { [self] in
          do {
            try Files.removeFlatDirectory(path)
          } catch {
            log.warning("the state of the orphaned container \(id) stays behind: \(error)")
          }
          left -= 1
          if left == 0 { answer(orphans) }
        })
    }
  }
}
