import AgentCore
import Testing
import Wire

/// The order of the checks and their texts, as a real Mesos gives them.
@Suite struct ExecutorCallTests {
  private func answer(to call: ExecutorCall, subscribed: Bool = true) throws -> (status: Int, text: String) {
    let agent = try Simulation.subscribed()
    if subscribed {
      agent.runExecutor([task("a", nil)])
    } else {
      agent.run([task("a", nil)], on: executor())
      agent.feed(.containerLaunched(agent.launches[0].containerID, pid: 5))
    }
    agent.feed(.executorCall(call, exchange: 9))
    return try #require(agent.responses(9).first)
  }

  private func update(_ status: MesosTaskStatus) -> ExecutorCall {
    var call = executorCall("E", .update)
    call.update.status = status
    return call
  }

  @Test func anUpdateBeforeTheSubscriptionIsForbidden() throws {
    let answer = try answer(to: update(status("a", .taskRunning, 1)), subscribed: false)
    #expect(answer == (403, "Executor is not subscribed"))
  }

  @Test func subscribeNeedsItsField() throws {
    let answer = try answer(to: executorCall("E", .subscribe))
    #expect(answer == (400, "Failed to validate Executor::Call: Expecting 'subscribe' to be present"))
  }

  @Test func messageNeedsItsField() throws {
    let answer = try answer(to: executorCall("E", .message))
    #expect(answer == (400, "Failed to validate Executor::Call: Expecting 'message' to be present"))
  }

  @Test func anUpdateNeedsAUUID() throws {
    var bad = status("a", .taskRunning, 1)
    bad.clearUuid()
    let answer = try answer(to: update(bad))
    #expect(answer == (400, "Failed to validate Executor::Call: Expecting 'uuid' to be present"))
  }

  @Test func anUpdateNeedsTheExecutorAsItsSource() throws {
    var bad = status("a", .taskRunning, 1)
    bad.source = .agent
    let answer = try answer(to: update(bad))
    let text = "Received Call from executor E of framework F with invalid source, expecting 'SOURCE_EXECUTOR'"
    #expect(answer == (400, "Failed to validate Executor::Call: \(text)"))
  }

  @Test func anUpdateMayNotBeStagingNorOfAnotherExecutor() throws {
    #expect(try answer(to: update(status("a", .taskStaging, 1))).status == 400)
    var bad = status("a", .taskRunning, 1)
    bad.executorID.value = "other"
    #expect(try answer(to: update(bad)).status == 400)
  }

  @Test func aHeartbeatIsAcceptedWithoutLookup() throws {
    let answer = try answer(to: executorCall("nobody", .heartbeat))
    #expect(answer == (202, ""))
  }

  @Test func unknownFrameworksAndExecutorsAreNamed() throws {
    var call = executorCall("E", .message)
    call.message.data = .init()
    call.frameworkID.value = "X"
    #expect(try answer(to: call) == (400, "Framework cannot be found"))
    var other = executorCall("X", .message)
    other.message.data = .init()
    #expect(try answer(to: other) == (400, "Executor cannot be found"))
  }

  @Test func nobodyMaySubscribeAsTheExecutorOfACommandTask() throws {
    let agent = try Simulation.subscribed()
    agent.runCommand(task("t"))
    agent.subscribeExecutor("t", exchange: 9)
    #expect(agent.responses(9).map(\.text) == ["Executor cannot be found"])
  }
}
