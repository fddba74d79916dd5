import MasterCore
import Resources
import Testing
import Wire

@Suite struct LaunchTests {
  let cluster = TestCluster()
  let agent: TestAgent
  let framework: TestFramework

  init() throws {
    agent = try TestAgent(cluster)
    framework = TestFramework(cluster)
  }

  private var offerID: String { framework.offers.last?.id.value ?? "" }

  @Test func aTaskGoesToItsAgentAndTheRestIsOfferedAgain() throws {
    framework.launch([offerID], [framework.task("t", on: agent.id)])
    let runs = agent.events.compactMap { event -> AgentEvent.Run? in
      if case .run(let run)? = event.event { run } else { nil }
    }
    let run = try #require(runs.first)
    #expect(runs.count == 1)
    #expect(run.frameworkInfo.id.value == framework.id)
    #expect(run.tasks.first?.resources.allSatisfy { $0.allocationInfo.role == "a" } ?? false)
    #expect(try Resources(wire: framework.offers.last?.resources ?? []).total(of: "cpus") == Quantity(3))
    #expect(framework.updates.isEmpty)
  }

  @Test func aThousandTasksInOneAcceptAllGoOut() throws {
    let big = try TestAgent(cluster, resources: "cpus:1000;mem:200000")
    let offer = try #require(framework.offers.last { $0.agentID.value == big.id })
    framework.launch([offer.id.value], (0..<1000).map { framework.task("t\($0)", on: big.id) })
    #expect(big.launched.count == 1000)
    #expect(framework.updates.isEmpty)
  }

  @Test(arguments: [[], ["nope"], ["master-O99"], ["master-O"], ["master-O0", "master-O0"]] as [[String]])
  func invalidOffersDropTheTasks(ids: [String]) {
    framework.launch(ids, [framework.task("t", on: agent.id)])
    let problem =
      switch ids.count {
      case 0: "No offers specified"
      case 1: "Offer \(ids[0]) is no longer valid"
      default: "Duplicate offer \(ids[0]) in offer list"
      }
    let status = framework.updates.first
    #expect(status?.state == .taskDropped)
    #expect(status?.reason == .invalidOffers)
    #expect(status?.source == .master)
    #expect(status?.message == "Task launched with invalid offers: \(problem)")
    #expect(status?.hasUuid == false)
    #expect(agent.launched.isEmpty)
  }

  @Test func withoutPartitionAwarenessADroppedTaskIsLost() {
    let plain = TestFramework(cluster, TestFramework.info([.multiRole]))
    plain.launch(["nope"], [plain.task("t", on: agent.id)])
    #expect(plain.updates.map(\.state) == [.taskLost])
  }

  @Test func offersOfTwoAgentsDoNotGoTogether() throws {
    let other = try TestAgent(cluster)
    let ids = framework.offers.map(\.id.value)
    framework.launch(ids, [framework.task("t", on: agent.id)])
    #expect(
      framework.updates.first?.message == "Task launched with invalid offers: Aggregated offers must belong to one "
        + "single agent. Offer \(ids[1]) uses agent \(other.id) and offer \(ids[0]) uses agent \(agent.id)")
  }

  @Test func anotherFrameworksOfferIsNotValid() {
    let thief = TestFramework(cluster)
    thief.launch([offerID], [thief.task("t", on: agent.id)])
    #expect(thief.updates.first?.reason == .invalidOffers)
    framework.launch([offerID], [framework.task("t", on: agent.id)])
    #expect(agent.launched == ["t"])
  }

  @Test func aBadTaskDoesNotStopTheOthers() {
    var bad = framework.task("bad", on: agent.id)
    bad.resources = []
    framework.launch([offerID], [framework.task("one", on: agent.id), bad, framework.task("two", on: agent.id)])
    #expect(agent.launched == ["one", "two"])
    #expect(framework.updates.map(\.taskID.value) == ["bad"])
    #expect(framework.updates.map(\.state) == [.taskError])
    #expect(framework.updates.map(\.reason) == [.taskInvalid])
    #expect(framework.updates.map(\.message) == ["Task uses no resources"])
  }

  @Test func tasksOfACallShareWhatIsOffered() {
    framework.launch(
      [offerID], [framework.task("one", on: agent.id, cpus: 3), framework.task("two", on: agent.id, cpus: 3)])
    #expect(agent.launched == ["one"])
    #expect(
      framework.updates.first?.message
        == "Total resources cpus(allocated: a):3; mem(allocated: a):128 required by task and its executor is more than "
        + "available cpus(allocated: a):1; mem(allocated: a):3968; ports(allocated: a):[31000-32000]")
  }

  @Test func operationsOfALaterReleaseAreErrorsWhenTheyHaveAnID() {
    framework.call(.accept) { call in
      call.accept.offerIds = [MesosOfferID(offerID)]
      var silent = MesosOffer.Operation()
      silent.type = .create
      silent.create = .init()
      var named = silent
      named.id.value = "op"
      call.accept.operations = [silent, named]
    }
    let statuses = framework.events.filter { $0.type == .updateOperationStatus }.map(\.updateOperationStatus.status)
    #expect(statuses.map(\.operationID.value) == ["op"])
    #expect(statuses.map(\.state) == [.operationError])
  }

  @Test func aLaunchWithAnOperationIDIsAnError() {
    framework.call(.accept) { call in
      call.accept.offerIds = [MesosOfferID(offerID)]
      var operation = MesosOffer.Operation()
      operation.type = .launch
      operation.id.value = "op"
      operation.launch.taskInfos = [framework.task("t", on: agent.id)]
      call.accept.operations = [operation]
    }
    #expect(framework.updates.map(\.state) == [.taskError])
    #expect(agent.launched.isEmpty)
  }

  @Test func executorResourcesCountOnceForAnAgent() throws {
    func custom(_ id: String) -> MesosTaskInfo {
      var task = framework.task(id, on: agent.id)
      task.clearCommand()
      task.executor.executorID.value = "e"
      task.executor.type = .custom
      task.executor.command.value = "run"
      task.executor.resources = Resources([.scalar("cpus", 1), .scalar("mem", 64)]).wire(.stack)
      return task
    }
    framework.launch([offerID], [custom("one"), custom("two")])
    #expect(agent.launched == ["one", "two"])
    let offer = try #require(framework.offers.last)
    #expect(try Resources(wire: offer.resources).total(of: "cpus") == Quantity(1))
    #expect(offer.executorIds.map(\.value) == ["e"])
    var other = custom("three")
    other.executor.command.value = "something else"
    framework.launch([offerID], [other])
    #expect(framework.updates.last?.message.hasPrefix("ExecutorInfo is not compatible with existing") ?? false)
  }
}
