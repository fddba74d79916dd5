import CLaunch
import Glibc
import ModuleHost

/// From the request to the running command: plan, prepare, start the supervisor, isolate, consent.
extension Containment {
  /// Mounts of slow file systems are the longest of what a supervisor does before the command runs.
  private static let startLimitMs: UInt64 = 60_000

  func begin(_ request: LaunchRequest, _ answer: @escaping SupervisedContainer.LaunchAnswer) {
    do {
      try checkID(request.description.id)
      begin(request, try plan(request), answer)
    } catch {
      answer(.failure(error))
    }
  }

  /// Its id is known to be good.
  func begin(_ request: LaunchRequest, _ plan: ContainerPlan, _ answer: @escaping SupervisedContainer.LaunchAnswer) {
    let container = SupervisedContainer(
      request: request, plan: plan, phase: .starting(control: -1, mayRun: false, answer))
    containers[container.id] = container
    do {
      try enterPod(container)
      if !container.isVisitor { try prepare(container) }
      try makeCgroup(of: container)
      try startSupervisor(of: container, answer)
    } catch {
      end(container, as: .launchFailed(error, answer))
    }
  }

  func checkID(_ id: String) throws(LaunchFailure) {
    guard Self.isValidID(id) else {
      throw LaunchFailure(step: .plan, message: "'\(id)' is not a container id: it names a directory")
    }
    guard containers[id] == nil else {
      throw LaunchFailure(step: .plan, message: "container \(id) exists already")
    }
  }

  /// It becomes the name of a cgroup and of a state directory.
  private static func isValidID(_ id: String) -> Bool {
    !id.isEmpty && id.utf8.count <= 200 && id != "." && id != ".."
      && id.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "/") }
  }

  /// For a running container.
  func plan(_ description: ContainerDescription) throws(LaunchFailure) -> ContainerPlan {
    do {
      var plan = try ContainerPlan(try ask(description, running: true), running: true, controllers: controllers)
      if description.sharesLimits { plan.leaveLimitsToPod() }
      return plan
    } catch {
      throw LaunchFailure(step: .plan, message: "\(error)")
    }
  }

  private func ask(
    _ description: ContainerDescription, running: Bool
  ) throws(IsolatorFailure) -> [(isolator: String, entries: [PlanEntry])] {
    var answers: [(isolator: String, entries: [PlanEntry])] = []
    for isolator in isolators {
      answers.append((isolator.id, try isolator.plan(description, running: running)))
    }
    return answers
  }

  /// The isolators' plans and what the task asks for itself.
  func plan(_ request: LaunchRequest) throws(LaunchFailure) -> ContainerPlan {
    do {
      var answers = try ask(request.description, running: false)
      answers.append(
        (ContainerPlan.task, request.rlimits.map { .rlimit(name: $0.name, soft: $0.soft, hard: $0.hard) }))
      var plan = try ContainerPlan(answers, running: false, controllers: controllers)
      if request.description.sharesLimits { plan.leaveLimitsToPod() }
      try plan.check(request.description.wishes)
      return plan
    } catch {
      throw LaunchFailure(step: .plan, message: "\(error)")
    }
  }

  private func prepare(_ container: SupervisedContainer) throws(LaunchFailure) {
    for isolator in isolators {
      // Also one that fails halfway gets its cleanup.
      container.prepared.append(isolator)
      do {
        try isolator.perform(.prepare, container.request.description)
      } catch {
        throw LaunchFailure(step: .prepare, message: error.description)
      }
    }
  }

  private func makeCgroup(of container: SupervisedContainer) throws(LaunchFailure) {
    guard let tree else { return }
    let cgroup =
      container.isVisitor
      ? containers[container.parentID]?.cgroup?.forVisitor(container.id)
      : tree.group(of: container.id, in: container.parentID)
    guard let cgroup else { return }
    // From here on it is removed with the container, also if only half of it was made.
    container.cgroup = cgroup
    do {
      try handDownLimits(to: container)
      try cgroup.make(container.plan)
    } catch {
      log.warning("container \(container.id) has no cgroup: \(tree.writer.journal(of: cgroup.path))")
      throw LaunchFailure(step: .cgroup, message: "\(error)")
    }
    observeWatches(of: container)
  }

  private func startSupervisor(
    of container: SupervisedContainer, _ answer: @escaping SupervisedContainer.LaunchAnswer
  ) throws(LaunchFailure) {
    let specification = try specification(of: container)
    do {
      try Files.makeDirectories(container.request.stateDirectory)
    } catch {
      throw LaunchFailure(step: .spawn, message: "\(error)")
    }
    let file = specification.bytes.withUnsafeBytes { launch_memory_file("tepui-launch", $0.baseAddress, $0.count) }
    guard file >= 0 else { throw LaunchFailure(step: .spawn, message: "\(SystemFailure("memfd_create"))") }
    defer { close(file) }
    var ends: [Int32] = [-1, -1]
    guard launch_control_pair(&ends) == 0 else {
      throw LaunchFailure(step: .spawn, message: "\(SystemFailure("socketpair"))")
    }
    defer { close(ends[1]) }
    container.phase = .starting(control: ends[0], mayRun: false, answer)
    container.supervisor = try spawn(container, specification: file, control: ends[1])
    do {
      try loop.watch(ends[0]) { [self] in readControl(of: container) }
      try watchSupervisor(of: container)
    } catch {
      throw LaunchFailure(step: .spawn, message: "\(error)")
    }
    container.timer = loop.schedule(afterMs: Self.startLimitMs) { [self] in
      failLaunch(container, .spawn, "the container was not ready to run after \(Self.startLimitMs / 1000) s")
    }
  }

  private func specification(of container: SupervisedContainer) throws(LaunchFailure) -> LaunchSpecification {
    var request = container.request
    request.command.environment[SupervisedContainer.markerName] = request.stateDirectory
    guard Files.isDirectory(request.description.sandbox) else {
      throw LaunchFailure(step: .sandbox, message: "the sandbox \(request.description.sandbox) is not a directory")
    }
    var user: UserAccount?
    if let name = request.command.user {
      user = UserAccount(name)
      guard let account = user else {
        throw LaunchFailure(step: .user, message: "there is no user '\(name)' on this agent")
      }
      // Without privilege nobody else can be switched to; to be oneself needs no switch.
      if account.uid == geteuid() && geteuid() != 0 { user = nil }
    }
    let places = try ContainerPlaces(request, plan: container.plan).all
    let specification: LaunchSpecification
    do {
      specification = try LaunchSpecification(
        request, plan: container.plan, places: places, user: user, bootID: bootID, joined: container.joined)
    } catch {
      throw LaunchFailure(step: .execute, message: "\(error.field) holds a NUL, which no program can be given")
    }
    guard specification.bytes.count <= Int(LAUNCH_SPEC_LIMIT) else {
      let failure = SystemFailure("execute '\(request.command.program)'", code: E2BIG)
      throw LaunchFailure(step: .execute, message: "cannot \(failure)")
    }
    return specification
  }

  private func spawn(
    _ container: SupervisedContainer, specification: Int32, control: Int32
  ) throws(LaunchFailure) -> ProcessHandle {
    var result = launch_result()
    // The id as an argument shows in `ps` whose supervisor it is.
    let arguments: [UnsafeMutablePointer<CChar>?] = [strdup(configuration.supervisor), strdup(container.id), nil]
    defer { for argument in arguments { free(argument) } }
    let leaf = try openGroup(container.cgroup?.leaf)
    defer { if leaf >= 0 { close(leaf) } }
    let group = try openGroup(container.cgroup?.supervisor)
    defer { if group >= 0 { close(group) } }
    let status = configuration.supervisor.withCString { program in
      arguments.withUnsafeBufferPointer { arguments in
        var request = launch_request(
          program: program, arguments: arguments.baseAddress, spec_fd: specification, control_fd: control,
          leaf_cgroup_fd: leaf, cgroup_fd: group)
        return launch_supervisor(&request, &result)
      }
    }
    guard status == 0 else {
      let isCgroup = result.step == Int32(LAUNCH_STEP_CGROUP.rawValue)
      let failure = SystemFailure("start \(configuration.supervisor)", code: result.error)
      throw LaunchFailure(step: isCgroup ? .cgroup : .spawn, message: "cannot \(failure)")
    }
    guard let handle = ProcessHandle(pid: result.pid, pidfd: result.pidfd) else {
      throw LaunchFailure(step: .spawn, message: "the supervisor is not in /proc; is /proc mounted?")
    }
    return handle
  }

  /// -1 without a cgroup.
  private func openGroup(_ path: String?) throws(LaunchFailure) -> Int32 {
    guard let path else { return -1 }
    let group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard group >= 0 else { throw LaunchFailure(step: .cgroup, message: "cannot \(SystemFailure("open \(path)"))") }
    return group
  }

  /// What the supervisor's side has to say; also called before an end is acted upon, so that nothing said is lost.
  func readControl(of container: SupervisedContainer) {
    while case .starting(let control, let mayRun, let answer) = container.phase {
      var report = launch_report()
      var sender: pid_t = 0
      switch launch_control_receive(control, &report, &sender) {
      case 1 where report.step == 0:
        consent(to: container, pid: sender)
      case 1:
        let failure = Self.failure(report)
        return end(container, as: .launchFailed(failure, answer))
      case 0 where mayRun:
        return commandRuns(container, answer)
      case 0:
        return failLaunch(container, .spawn, "the supervisor ended before the command was ready to run")
      default:
        if errno == EAGAIN { return }
        return failLaunch(container, .spawn, "\(SystemFailure("hear the supervisor"))")
      }
    }
  }

  /// All but the exec is done: remember the processes, let the isolators act on the first one, let it run.
  private func consent(to container: SupervisedContainer, pid: pid_t) {
    guard case .starting(let control, false, let answer) = container.phase else { return }
    guard let supervisor = container.supervisor, let command = ProcessHandle(pid: pid) else {
      return failLaunch(container, .spawn, "the command's process ended before it was ready to run")
    }
    guard podLives(of: container) else {
      return failLaunch(container, .spawn, "the pod ended before the command was ready to run")
    }
    container.command = command
    let identity = StateDirectory.Identity(pid: pid, startTime: command.startTime)
    container.commandIdentity = identity
    container.request.description.pid = pid
    do {
      try container.state.write(
        .init(
          bootID: bootID, supervisor: .init(pid: supervisor.pid, startTime: supervisor.startTime), command: identity))
      try watchCommand(of: container)
    } catch {
      return failLaunch(container, .spawn, "\(error)")
    }
    for isolator in container.prepared {
      do {
        try isolator.perform(.isolate, container.request.description)
      } catch {
        return failLaunch(container, .isolate, error.description)
      }
    }
    container.phase = .starting(control: control, mayRun: true, answer)
    // If nobody is there to receive it the end of file says so.
    _ = send(control, [1], 1, Int32(MSG_NOSIGNAL))
  }

  private func commandRuns(_ container: SupervisedContainer, _ answer: SupervisedContainer.LaunchAnswer) {
    guard let supervisor = container.supervisor, let command = container.command else { return }
    closeControl(of: container)
    container.phase = .running
    measureDisk(of: container)
    answer(.success(LaunchedContainer(supervisorPID: supervisor.pid, pid: command.pid)))
    // Seen before, but not acted upon.
    if command.hasEnded() { follow(container) }
  }

  func failLaunch(_ container: SupervisedContainer, _ step: LaunchFailure.Step, _ message: String) {
    guard case .starting(_, _, let answer) = container.phase else { return }
    end(container, as: .launchFailed(LaunchFailure(step: step, message: message), answer))
  }

  /// Without its control socket a process that waits for consent gives up.
  func closeControl(of container: SupervisedContainer) {
    guard case .starting(let control, _, _) = container.phase else { return }
    if let timer = container.timer { loop.cancel(timer) }
    guard control >= 0 else { return }
    loop.unwatch(control)
    close(control)
  }

  private static func failure(_ report: launch_report) -> LaunchFailure {
    let detail = withUnsafeBytes(of: report.detail) { detail in
      String(decoding: detail.prefix { $0 != 0 }, as: UTF8.self)
    }
    let cause = SystemFailure.text(report.error)
    switch launch_step(rawValue: report.step) {
    case LAUNCH_STEP_CGROUP:
      return LaunchFailure(step: .cgroup, message: "cannot enter the cgroup: \(detail): \(cause)")
    case LAUNCH_STEP_NAMESPACES: return LaunchFailure(step: .namespaces, message: "\(detail): \(cause)")
    case LAUNCH_STEP_MOUNT: return LaunchFailure(step: .mount, message: "cannot mount \(detail): \(cause)")
    case LAUNCH_STEP_RLIMITS: return LaunchFailure(step: .rlimits, message: "\(detail): \(cause)")
    case LAUNCH_STEP_SANDBOX:
      return LaunchFailure(step: .sandbox, message: "cannot open \(detail) in the sandbox as a plain file: \(cause)")
    case LAUNCH_STEP_USER: return LaunchFailure(step: .user, message: "cannot switch the user: \(detail): \(cause)")
    case LAUNCH_STEP_WORKING_DIRECTORY:
      return LaunchFailure(step: .workingDirectory, message: "cannot enter the working directory \(detail): \(cause)")
    case LAUNCH_STEP_ROOT:
      return LaunchFailure(step: .root, message: "cannot make the root file system: \(detail): \(cause)")
    case LAUNCH_STEP_PRIVILEGES: return LaunchFailure(step: .privileges, message: "\(detail): \(cause)")
    case LAUNCH_STEP_SECCOMP: return LaunchFailure(step: .seccomp, message: "\(detail): \(cause)")
    case LAUNCH_STEP_EXECUTE: return LaunchFailure(step: .execute, message: "cannot execute '\(detail)': \(cause)")
    default: return LaunchFailure(step: .spawn, message: "the supervisor failed: \(detail): \(cause)")
    }
  }
}
