import Foundation
import Glibc
import Testing
import Wire

/// Launches a thousand tasks and sees to it that each meets its fate, while it kills the agent now and then.
@MainActor
final class ChaosRun {
  /// By the name of the task, which begins with the fate.
  private(set) var fates: [String: Fate] = [:]
  /// The other tasks of its pod.
  private var companions: [String: [String]] = [:]
  private let cluster: Cluster
  private let framework: TestFramework
  private let directory: String
  private let sandboxes: String?
  private var isStruck: Set<pid_t> = []
  private var lastKill: [String: ContinuousClock.Instant] = [:]

  init(_ cluster: Cluster) throws {
    self.cluster = cluster
    framework = TestFramework(cluster, "chaos")
    directory = "\(cluster.directory)/chaos"
    for name in ["ran", "pids"] {
      try FileManager.default.createDirectory(atPath: "\(directory)/\(name)", withIntermediateDirectories: true)
    }
    sandboxes = try Machine.isAGuest ? Self.mountSmallFileSystem(at: "\(cluster.directory)/agent0/slaves") : nil
  }

  func end() {
    if let sandboxes { umount2(sandboxes, Int32(MNT_DETACH)) }
  }

  private static func mountSmallFileSystem(at path: String) throws -> String {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let isMounted = mount("tmpfs", path, "tmpfs", 0, "size=48m") == 0
    try #require(isMounted, "mount \(path): \(String(cString: strerror(errno)))")
    return path
  }

  // MARK: Launching

  func launchAll() async throws {
    try await startAgent()
    try await framework.subscribe()
    // A pod is launched by the fate of its first task.
    var waiting = Fate.allCases.flatMap { fate in
      Array(repeating: fate, count: fate == .finishesInAPod ? fate.count / 2 : fate.count)
    }.filter { $0 != .losesItsPod }.shuffled()
    let total = waiting.count
    var agentKills = 0
    while !waiting.isEmpty {
      let batch = Array(waiting.suffix(20))
      try await launch(batch)
      waiting.removeLast(batch.count)
      try await strike(until: { $0.openTasks.count < 60 })
      if (total - waiting.count) / 150 > agentKills {
        agentKills += 1
        try await killAgent()
      }
    }
  }

  private func startAgent() async throws {
    let flags = ["--executor_reregistration_timeout=15secs"]
    try await cluster.startAgent("agent0", "cpus:100;mem:100000;disk:100000", flags: flags)
  }

  private func killAgent() async throws {
    readLog()
    try await cluster.stopAgent("agent0", SIGKILL)
    try await Task.sleep(for: .milliseconds(Int.random(in: 0..<500)))
    try await startAgent()
  }

  /// Whether a life of the agent said that the isolator is slow.
  private(set) var hasToldOfTheSlowIsolator = false

  private func readLog() {
    if cluster.log(of: "agent0").contains("its deadline is 100ms") { hasToldOfTheSlowIsolator = true }
  }

  private func launch(_ batch: [Fate]) async throws {
    let offer = try await framework.offer(cpus: 20)
    var operations: [MesosOffer.Operation] = []
    var tasks: [MesosTaskInfo] = []
    for fate in batch {
      switch fate {
      case .finishesInAPod: operations.append(pod([task(fate, offer), task(fate, offer)], offer))
      // Whatever ends badly ends the rest of its pod.
      case .losesItsProcessInAPod: operations.append(pod([task(fate, offer), task(.losesItsPod, offer)], offer))
      default: tasks.append(task(fate, offer))
      }
    }
    if !tasks.isEmpty { operations.append(.launching(tasks)) }
    try await framework.accept(offer, operations)
  }

  private func task(_ fate: Fate, _ offer: MesosOffer) -> MesosTaskInfo {
    let name = "\(fate.rawValue)-\(fates.count)"
    fates[name] = fate
    // What lies in a file system in memory counts as that of the task.
    let mem: Double = fate == .fillsItsDisk ? 256 : 32
    return .task(name, on: offer, command(fate, name), mem: mem) { task in
      guard fate.isOnAnExecutor else { return }
      task.clearCommand()
      task.executor = executor("\(fate.rawValue)-\(fates.count % 4)", offer)
      task.data = Data((fate == .finishesOnAnExecutor ? "short" : "long").utf8)
    }
  }

  private func command(_ fate: Fate, _ name: String) -> String {
    let deed =
      switch fate {
      case .finishes, .planHangs, .finishesInAPod: "sleep 0.\(fates.count % 10)"
      case .fails: "exit 3"
      case .fillsItsDisk: "dd if=/dev/zero of=big bs=1M count=100; status=$?; rm -f big; exit $status"
      default: "exec sleep 1000"
      }
    let file = "\(directory)/pids/\(name)"
    return ": > '\(directory)/ran/\(name)'; echo $$ > '\(file).new'; mv '\(file).new' '\(file)'; \(deed)"
  }

  private func executor(_ id: String, _ offer: MesosOffer) -> MesosExecutorInfo {
    let role = offer.allocationInfo.role
    return .with { executor in
      executor.type = .custom
      executor.executorID.value = id
      executor.frameworkID = framework.info.id
      executor.resources = [.scalar("cpus", 0.1, role), .scalar("mem", 128, role)]
      executor.command.value =
        "echo $$ > '\(directory)/pids/\(id)'; "
        + "exec \(Pymesos.python) \(Repository.root)/Tests/ClusterTests/pymesos/executor.py"
    }
  }

  private func pod(_ tasks: [MesosTaskInfo], _ offer: MesosOffer) -> MesosOffer.Operation {
    let names = tasks.map(\.taskID.value)
    for name in names { companions[name] = names.filter { $0 != name } }
    return framework.launchingGroup(tasks, on: offer, executor: "pod-\(fates.count)")
  }

  // MARK: Striking

  func waitForEnds() async throws {
    try await strike(until: { $0.openTasks.isEmpty })
    readLog()
  }

  /// Those that have not ended, as far as was heard.
  private var openTasks: [String] {
    let last = framework.last
    return fates.keys.filter { last[$0]?.state.isTerminal != true }
  }

  /// Kills what is to be killed until `condition` holds.
  private func strike(until condition: (ChaosRun) -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(120)
    while true {
      for name in openTasks { try await strike(name) }
      if condition(self) { return }
      guard ContinuousClock.now < deadline else {
        let open = openTasks.map { "\($0) \(framework.states(of: $0))" }
        throw Overdue(description: "\(open.count) tasks do not end: \(open.prefix(10))")
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  private func strike(_ name: String) async throws {
    guard let fate = fates[name], framework.last[name]?.state == .taskRunning else { return }
    switch fate {
    case .isKilled:
      // What a dead agent is told is lost, so frameworks say it again.
      if let last = lastKill[name], ContinuousClock.now - last < .seconds(3) { return }
      lastKill[name] = .now
      try await framework.kill(name)
    case .losesItsProcess, .losesItsProcessInAPod: once(name) { kill($0, SIGKILL) }
    case .losesItsSupervisor: once(name) { kill(Self.parent(of: $0), SIGKILL) }
    case .losesItsExecutor:
      // Those of its tasks that come later get a new one.
      if let executor = framework.last[name]?.executorID.value { once(executor) { kill($0, SIGKILL) } }
    default: break
    }
  }

  private func once(_ name: String, _ body: (pid_t) -> Void) {
    guard
      let text = try? String(contentsOfFile: "\(directory)/pids/\(name)", encoding: .utf8),
      let pid = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)), pid > 1,
      isStruck.insert(pid).inserted
    else { return }
    body(pid)
  }

  private static func parent(of pid: pid_t) -> pid_t {
    let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
    return status.firstMatch(of: /PPid:\s+(\d+)/).flatMap { pid_t($0.output.1) } ?? 0
  }

  // MARK: What must be so

  /// How many tasks met each fate to the end.
  var counts: [Fate: Int] {
    var counts: [Fate: Int] = [:]
    for (name, status) in framework.last {
      if let fate = fates[name], fate.isEnd(status) { counts[fate, default: 0] += 1 }
    }
    return counts
  }

  /// Tasks that ended more than once, or otherwise than they did in truth.
  func problems() -> [String] {
    let updates = Dictionary(grouping: framework.updates, by: \.taskID.value)
    return fates.sorted { $0.key < $1.key }.compactMap { name, fate in
      let all = updates[name] ?? []
      guard let end = all.first(where: { $0.state.isTerminal }) else { return "\(name) has no end" }
      let ends = all.filter { $0.state.isTerminal }
      let story = all.map { "\($0.state) \($0.reason) \($0.message)" }
      // What the master says by itself has no id.
      let isOnce = Set(ends.map(\.uuid).filter { !$0.isEmpty }).count <= 1 && Set(ends.map(\.state)).count == 1
      if !isOnce || !(all.last?.state.isTerminal ?? false) { return "\(name) did not end once: \(story)" }
      if fate.isEnd(end) || isTrulyNotRun(name, fate, all) { return nil }
      // A task that is not run ends the rest of its pod.
      let others = companions[name] ?? []
      if end.state == .taskKilled, others.contains(where: { isTrulyNotRun($0, fate, updates[$0] ?? []) }) { return nil }
      return "\(name) ended as \(story)"
    }
  }

  /// The agent was killed before it let the task run, the offer was gone, or there was no room for its sandbox.
  private func isTrulyNotRun(_ name: String, _ fate: Fate, _ updates: [MesosTaskStatus]) -> Bool {
    let isNone = updates.allSatisfy { status in
      switch status.state {
      case .taskStarting, .taskDropped, .taskLost, .taskGone: true
      case .taskFailed where status.reason == .containerLaunchFailed:
        sandboxes != nil && status.message.contains("No space left on device")
      case .taskFailed: (fate.isInAPod || fate.isOnAnExecutor) && status.reason == .executorTerminated
      // By the end of another one of its pod.
      case .taskKilled: fate.isInAPod && status.reason == .taskKilledDuringLaunch
      default: false
      }
    }
    return isNone && !FileManager.default.fileExists(atPath: "\(directory)/ran/\(name)")
  }

  func expectNothingLeft() async throws {
    // Executors of a framework live as long as it does.
    try await framework.send(.teardown)
    try await eventually("all resources are back") {
      try await usedResources() == Used(cpus: 0, mem: 0, disk: 0)
    }
    try await eventually("no process is left, besides \(Self.processes(of: cluster.directory))") {
      Self.processes(of: cluster.directory).isEmpty
    }
    if Machine.limits {
      try await eventually("no group is left") {
        try FileManager.default.contentsOfDirectory(atPath: "/sys/fs/cgroup/tepui").filter { !$0.contains(".") }.isEmpty
      }
    }
  }

  private struct Used: Decodable, Equatable {
    let cpus, mem, disk: Double
  }

  private func usedResources() async throws -> Used {
    struct Slaves: Decodable {
      struct Slave: Decodable { let usedResources: Used }
      let slaves: [Slave]
    }
    let answer = try await cluster.get(cluster.master.endpoint, "/slaves")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Slaves.self, from: Data(answer.body.readableBytesView)).slaves[0].usedResources
  }

  /// Processes in sandboxes of this cluster.
  private static func processes(of directory: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.filter { name in
      guard Int(name) != nil,
        let environment = try? Data(contentsOf: URL(filePath: "/proc/\(name)/environ")),
        let text = String(data: environment, encoding: .utf8)
      else { return false }
      return text.contains("MESOS_SANDBOX=\(directory)/")
    }
  }

  func expectAHealthyAgent() async throws {
    #expect(try await cluster.get(cluster.agent, "/health").status == .ok)
    let framework = TestFramework(cluster, "after")
    try await framework.subscribe()
    let offer = try await framework.offer(cpus: 100)
    #expect(offer.scalar("mem") == 100_000)
    try await framework.launch(["after"], on: offer, "exit 0")
    try await framework.wait("a task after all this") { $0.tasks(in: .taskFinished) == ["after"] }
    try await framework.send(.teardown)
  }
}
