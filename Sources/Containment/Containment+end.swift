import Glibc
import ModuleHost

/// From the end of the command, or the wish to end it, to the point where nothing is left.
extension Containment {
  /// How long a supervisor is given to follow its command by itself before its remaining children are looked for.
  private static let followMs: UInt64 = 5
  /// How long it is given to store the status.
  private static let storeLimitNs: UInt64 = 10_000_000_000
  private static let longestPauseMs: UInt64 = 500
  private static let worryAfterNs: UInt64 = 10_000_000_000

  func watchSupervisor(of container: SupervisedContainer) throws(SystemFailure) {
    guard let supervisor = container.supervisor else { return }
    try loop.watch(supervisor.pidfd) { [self] in
      guard supervisor.hasEnded() else { return }
      loop.unwatch(supervisor.pidfd)
      readControl(of: container)
      if container.isEnding { advance(container) } else { end(container) }
    }
  }

  func watchCommand(of container: SupervisedContainer) throws(SystemFailure) {
    guard let command = container.command else { return }
    try loop.watch(command.pidfd) { [self] in
      guard command.hasEnded() else { return }
      loop.unwatch(command.pidfd)
      readControl(of: container)
      // A short command may be over before its supervisor has let go of the control socket, which says that it ran.
      if case .running = container.phase { follow(container) }
    }
  }

  /// The command is over: its supervisor gets a moment to end by itself.
  func follow(_ container: SupervisedContainer) {
    begin(end: container, as: .exited)
    container.timer = loop.schedule(afterMs: Self.followMs) { [self] in advanceOnceStored(container) }
  }

  /// What stores the status, the first process of a namespace of pids, is killed with the rest, and on a busy machine its
  /// turn may come late. Who wants the container gone does not wait for it.
  private func advanceOnceStored(_ container: SupervisedContainer) {
    let isLate = EventLoop.nowNs() - container.endingSinceNs > Self.storeLimitNs
    if isLate || container.state.waitStatus() != nil { return advance(container) }
    container.timer = loop.schedule(afterMs: Self.followMs) { [self] in advanceOnceStored(container) }
  }

  /// Kills the container. A launch that is under way fails.
  func end(_ container: SupervisedContainer) {
    switch container.phase {
    case .starting:
      failLaunch(container, .spawn, "container \(container.id) was destroyed before its command ran")
    case .running: end(container, as: .exited)
    case .ending: advance(container)
    }
  }

  func end(_ container: SupervisedContainer, as completion: SupervisedContainer.Completion) {
    begin(end: container, as: completion)
    advance(container)
  }

  private func begin(end container: SupervisedContainer, as completion: SupervisedContainer.Completion) {
    closeControl(of: container)
    stopMeasuringDisk(of: container)
    container.phase = .ending(completion)
    container.endingSinceNs = EventLoop.nowNs()
    container.timer = nil
  }

  /// One turn at ending a container; comes again until nothing of it is left. The pauses grow, for a process in
  /// uninterruptible sleep may take as long as its disk.
  func advance(_ container: SupervisedContainer) {
    guard case .ending(let completion) = container.phase, containers[container.id] === container else { return }
    if let timer = container.timer { loop.cancel(timer) }
    if endChildren(of: container), container.killRemaining(), removeCgroup(of: container) {
      return finish(container, completion)
    }
    container.endingTurns += 1
    let pauseMs = min(Self.longestPauseMs, 1 << UInt64(min(container.endingTurns, 10)))
    container.timer = loop.schedule(afterMs: pauseMs) { [self] in advance(container) }
    if EventLoop.nowNs() - container.endingSinceNs > Self.worryAfterNs { worry(about: container) }
  }

  /// The kernel refuses as long as a dead process is not quite gone.
  private func removeCgroup(of container: SupervisedContainer) -> Bool {
    guard let cgroup = container.cgroup, cgroup.exists else { return true }
    // The kill may have come before the event that tells of it.
    checkWatches(of: container)
    takeNotes(of: container)
    for watch in container.observedFiles { tree?.forget(watch) }
    container.observedFiles = []
    do {
      try cgroup.remove()
      return true
    } catch {
      if container.endingTurns % 120 == 30 { log.warning("container \(container.id): \(error)") }
      return false
    }
  }

  private func worry(about container: SupervisedContainer) {
    // Once a minute at the longest pause.
    guard container.endingTurns % 120 == 30 else { return }
    log.warning("container \(container.id): processes are left though they were killed; they may wait for a disk")
  }

  private func finish(_ container: SupervisedContainer, _ completion: SupervisedContainer.Completion) {
    if let command = container.command { loop.unwatch(command.pidfd) }
    if let supervisor = container.supervisor { loop.unwatch(supervisor.pidfd) }
    for isolator in container.prepared.reversed() {
      do {
        try isolator.perform(.cleanup, container.request.description)
      } catch {
        log.warning("container \(container.id): \(error)")
      }
    }
    let waitStatus = hostEnds(of: container) ? nil : container.state.waitStatus()
    containers[container.id] = nil
    takeLimitationOfPod(container)
    switch completion {
    case .exited:
      let exit = ContainerExit(
        waitStatus: waitStatus, limitation: container.limitation, notes: container.notes)
      exited(container.id, exit)
    case .launchFailed(let failure, let answer): answer(.failure(failure))
    case .orphanRemoved(let removed): removed()
    }
    leavePod(container)
  }
}
