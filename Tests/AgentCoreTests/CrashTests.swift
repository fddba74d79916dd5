import AgentCore
import Testing
import Wire

/// The agent is killed after every commit of a scenario, both before and after the turn's other effects were carried out.
/// Whatever the moment, each task must come to an end that the scheduler hears of, and no status may be told twice as new.
@Suite struct CrashTests {
  /// What survives a crash of the agent, at one moment.
  private struct Moment {
    var records: [String: [UInt8]]
    var told: [AgentCall.Update]
    var launched: Set<String>
    var exited: Set<String>
    var acknowledged: Set<[UInt8]>
    var executorUpdates: [MesosTaskStatus]
  }

  @Test func nothingIsLostOrToldTwiceAsNew() throws {
    let moments = try playScenario()
    #expect(moments.count > 40)
    for (index, moment) in moments.enumerated() { try finish(moment, "moment \(index)") }
  }

  /// Two commands, an executor with two tasks and a pod with three in two groups; some of it acknowledged, some not.
  private func playScenario() throws -> [Moment] {
    let agent = try Simulation.subscribed()
    var moments: [Moment] = []
    var exited: Set<String> = []
    var acknowledged: Set<[UInt8]> = []
    var executorUpdates: [MesosTaskStatus] = []
    agent.observe = { [unowned agent] records, turn in
      let full = Moment(
        records: records, told: agent.updates, launched: Set(agent.launches.map(\.containerID)), exited: exited,
        acknowledged: acknowledged, executorUpdates: executorUpdates)
      // Before the effects: nothing of this turn was sent or launched.
      var early = full
      for effect in turn {
        if case .sendToMaster(let call) = effect, case .update = call.call { early.told.removeLast() }
        if case .launch(let launch) = effect { early.launched.remove(launch.containerID) }
      }
      moments += [early, full]
    }
    func acknowledge(_ task: String) {
      if let uuid = agent.statuses(task).last?.uuid { acknowledged.insert([UInt8](uuid)) }
      agent.acknowledge(task)
    }
    func exit(_ container: String) {
      exited.insert(container)
      agent.feed(.containerExited(container, Exit.status(0)))
    }
    func update(_ status: MesosTaskStatus) {
      executorUpdates.append(status)
      agent.update(status)
    }
    let durable = framework(checkpoint: true)
    let first = agent.runCommand(task("t1"), of: durable)
    acknowledge("t1")
    let custom = agent.runExecutor([task("a", nil), task("b", nil)], of: durable)
    update(status("a", .taskRunning, 1))
    acknowledge("t1")
    acknowledge("a")
    let parent = agent.runPod([task("p"), task("q")], of: durable)
    acknowledge("p")
    let second = agent.runCommand(task("t2"), of: durable)
    agent.runPod([task("r")], of: durable)
    exit(agent.nested("r"))
    for _ in 0..<3 { acknowledge("r") }
    agent.kill("p")
    exit(agent.nested("p"))
    acknowledge("p")
    exit(first)
    update(status("b", .taskRunning, 2))
    update(status("a", .taskFinished, 3))
    acknowledge("t1")
    acknowledge("a")
    exit(agent.nested("q"))
    exit(parent)
    for _ in 0..<3 {
      acknowledge("q")
      acknowledge("p")
    }
    exit(second)
    acknowledge("t2")
    acknowledge("t2")
    acknowledge("t2")
    exit(custom)
    acknowledge("b")
    acknowledge("b")
    return moments
  }

  /// Starts a new agent on what a moment left and lets everything end.
  private func finish(_ moment: Moment, _ name: Comment) throws {
    let agent = try Simulation(records: moment.records, uuidsFrom: 1 << 40, at: 1_800_000_000 * Simulation.second)
    for launch in agent.recovered {
      let isAlive = moment.launched.contains(launch.containerID) && !moment.exited.contains(launch.containerID)
      agent.feed(.containerRecovered(launch.containerID, pid: isAlive ? 4711 : nil))
      guard isAlive else {
        let known = moment.launched.contains(launch.containerID)
        agent.feed(.containerExited(launch.containerID, known ? Exit.status(0) : Exit.unknown))
        continue
      }
      if launch.isPod { continue }
      if !launch.isCommandTask && launch.nesting == nil {
        let known = [task("a", nil), task("b", nil)]
        agent.subscribeExecutor(launch.executorID, exchange: 2, tasks: known, updates: moment.executorUpdates)
      }
      agent.feed(.containerExited(launch.containerID, Exit.status(0)))
    }
    // A group that waited for its pod starts now.
    for launch in agent.launches {
      agent.feed(.containerLaunched(launch.containerID, pid: 4712))
      agent.feed(.containerExited(launch.containerID, Exit.status(0)))
    }
    for launch in agent.recovered where launch.isPod {
      agent.feed(.containerExited(launch.containerID, Exit.status(0)))
    }
    agent.connect()
    agent.acknowledgeAll()

    let all = moment.told + agent.updates
    for id in ["t1", "t2", "a", "b", "p", "q", "r"] {
      let statuses = all.map(\.status).filter { $0.taskID.value == id }
      let isKnown = moment.records["task/F/\(id)"] != nil
      if isKnown { #expect(statuses.contains { $0.state.isFinal }, name) }
      let uuidsByState = Dictionary(grouping: statuses, by: \.state).mapValues { Set($0.map(\.uuid)) }
      for (state, uuids) in uuidsByState { #expect(uuids.count == 1, "\(name): \(id) told \(state) as new again") }
    }
    // What the scheduler acknowledged does not come again.
    let repeated = agent.updates.filter { moment.acknowledged.contains([UInt8]($0.status.uuid)) }
    #expect(repeated.isEmpty, name)
    #expect(agent.records.keys.sorted() == ["agent", "boot"], name)
  }
}

extension MesosTaskState {
  fileprivate var isFinal: Bool {
    [.taskFinished, .taskFailed, .taskKilled, .taskLost, .taskDropped, .taskGone].contains(self)
  }
}
