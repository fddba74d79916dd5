import MasterCore
import Testing
import Wire

@Suite struct ReconcileTests {
  let cluster = TestCluster()
  let agent: TestAgent
  let framework: TestFramework

  init() throws {
    agent = try TestAgent(cluster)
    framework = TestFramework(cluster)
    framework.launch([framework.offers[0].id.value], [framework.task("t", on: agent.id)])
    agent.update("t", of: framework, .taskRunning)
    framework.clear()
  }

  private func ask(_ task: String, agent: String? = nil) -> MesosTaskStatus? {
    framework.clear()
    framework.call(.reconcile) { call in
      var question = SchedulerCall.Reconcile.Task()
      question.taskID.value = task
      if let agent { question.agentID.value = agent }
      call.reconcile.tasks = [question]
    }
    return framework.updates.first
  }

  @Test func implicitReconciliationTellsEachTaskAsLastForwarded() {
    framework.call(.reconcile) { $0.reconcile = .init() }
    #expect(framework.updates.count == 1)
    let status = framework.updates.first
    #expect(status?.state == .taskRunning)
    #expect(status?.reason == .reconciliation)
    #expect(status?.source == .master)
    #expect(status?.message == "Reconciliation: Latest task state")
    #expect(status?.hasUuid == false)
    #expect(status?.hasData == false)
  }

  @Test func aKnownTaskIsToldWithOrWithoutItsAgent() {
    #expect(ask("t")?.state == .taskRunning)
    #expect(ask("t", agent: agent.id)?.state == .taskRunning)
  }

  @Test func anUnknownTaskOfAKnownAgentIsGone() {
    let status = ask("x", agent: agent.id)
    #expect(status?.state == .taskGone)
    #expect(status?.message == "Reconciliation: Task is unknown to the agent")
    #expect(status?.agentID.value == agent.id)
  }

  @Test func anUnknownTaskIsUnknown() {
    let status = ask("x")
    #expect(status?.state == .taskUnknown)
    #expect(status?.message == "Reconciliation: Task is unknown")
    #expect(status?.hasAgentID == false)
    #expect(ask("x", agent: "noagent")?.state == .taskUnknown)
  }

  @Test func withoutPartitionAwarenessAllOfThemAreLost() {
    let plain = TestFramework(cluster, TestFramework.info([.multiRole]))
    plain.call(.reconcile) { call in
      var question = SchedulerCall.Reconcile.Task()
      question.taskID.value = "x"
      call.reconcile.tasks = [question]
    }
    #expect(plain.updates.map(\.state) == [.taskLost])
  }

  @Test func anAgentOfAnEarlierMasterIsWaitedForInSilence() {
    #expect(ask("x", agent: "earlier-S3") == nil)
    agent.live(seconds: 601)
    #expect(ask("x", agent: "earlier-S3")?.state == .taskUnknown)
  }

  @Test func operationsAreUnknown() {
    framework.call(.reconcileOperations) { call in
      var question = SchedulerCall.ReconcileOperations.Operation()
      question.operationID.value = "op"
      call.reconcileOperations.operations = [question]
    }
    #expect(
      framework.events.last { $0.type == .updateOperationStatus }?.updateOperationStatus.status.state
        == .operationUnknown)
  }
}
