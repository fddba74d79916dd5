import AgentCore
import Testing
import Wire

@Suite struct UpdateStreamTests {
  @Test func onlyTheOldestUpdateIsInFlight() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(task("t"))
    agent.feed(.containerExited(container, Exit.status(0)))
    #expect(agent.states("t") == [.taskStarting])
    agent.acknowledge("t")
    #expect(agent.states("t") == [.taskStarting, .taskRunning])
    #expect(agent.updates.last?.latestState == .taskFinished)
    agent.acknowledge("t")
    agent.acknowledge("t")
    #expect(agent.states("t") == [.taskStarting, .taskRunning, .taskFinished])
    #expect(agent.core.state().frameworks.isEmpty)
  }

  @Test func anUnacknowledgedUpdateComesAgainAfterTenSecondsThenTwiceAsLongUpToTenMinutes() throws {
    let agent = try Simulation.subscribed()
    let start = agent.now
    agent.runCommand(task("t"))
    var repeats = 0
    // 10, 20, 40, 80, 160, 320, 600 and 600 seconds after each other.
    for moment in [10.0, 30, 70, 150, 310, 630, 1230, 1830] {
      advance(agent, to: moment - 0.5, after: start)
      #expect(agent.states("t").count == 1 + repeats)
      advance(agent, to: moment + 0.5, after: start)
      repeats += 1
      #expect(agent.states("t").count == 1 + repeats)
    }
    #expect(Set(agent.statuses("t").map { [UInt8]($0.uuid) }).count == 1)
  }

  /// Lets time pass with a master that pings, so that the link holds.
  private func advance(_ agent: Simulation, to seconds: Double, after start: Int64) {
    let end = start + Int64(seconds * 1e9)
    while agent.now < end {
      agent.advance(seconds: min(15, Double(end - agent.now) / 1e9))
      agent.feedMaster(.ping(.init()))
    }
  }

  @Test func aWrongUUIDAcknowledgesNothing() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(task("t"))
    agent.acknowledge("t", uuid: [UInt8](repeating: 9, count: 16))
    #expect(agent.states("t") == [.taskStarting])
    agent.acknowledge("t")
    #expect(agent.states("t") == [.taskStarting, .taskRunning])
  }

  @Test func nothingIsSentWithoutAMasterAndTheBackoffStartsAnew() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(task("t"))
    advance(agent, to: 31, after: agent.now)
    #expect(agent.states("t").count == 3)
    agent.feed(.masterDisconnected)
    agent.advance(seconds: 1000)
    #expect(agent.states("t").count == 3)
    agent.connect()
    #expect(agent.states("t").count == 4)
    agent.advance(seconds: 10.5)
    #expect(agent.states("t").count == 5)
  }
}
