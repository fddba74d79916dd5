import MasterCore
import Resources
import Testing
import Wire

@Suite struct OperatorReadTests {
  let cluster = TestCluster()
  let agent: TestAgent
  let framework: TestFramework

  init() throws {
    cluster.policy.script = TestPolicy.exhaustive
    agent = try TestAgent(cluster)
    framework = TestFramework(cluster)
    framework.launch(
      [framework.offers[0].id.value],
      [framework.task("running", on: agent.id), framework.task("done", on: agent.id)])
    agent.update("running", of: framework, .taskRunning)
    agent.update("done", of: framework, .taskFinished)
    for status in framework.updates { framework.acknowledge(status) }
    cluster.pass(seconds: 2)
  }

  /// The answer in both encodings, which must be the same.
  private func read(_ type: MesosMasterCall.TypeEnum) throws -> MesosMasterResponse {
    let snapshot = cluster.core.snapshot()
    let call = MesosMasterCall.with { $0.type = type }
    let answers = try WireFormat.allCases.map { format in
      let long = snapshot.write(call, format)
      #expect((long != nil) == MasterSnapshot.isLong(type))
      let bytes = try long ?? format.encode(#require(snapshot.answer(call)))
      return try format.decode(MesosMasterResponse.self, from: bytes)
    }
    // Only JSON has defaults written.
    #expect(WireFormat.json.encode(answers[0]) == WireFormat.json.encode(answers[1]))
    return answers[1]
  }

  @Test func tasksAreToldByWhatBecameOfThem() throws {
    let answer = try read(.getTasks)
    #expect(answer.type == .getTasks)
    let running = try #require(answer.getTasks.tasks.first)
    #expect(answer.getTasks.tasks.map(\.taskID.value) == ["running"])
    #expect(answer.getTasks.completedTasks.map(\.taskID.value) == ["done"])
    #expect(running.frameworkID.value == framework.id && running.agentID.value == agent.id && !running.hasExecutorID)
    #expect(running.state == .taskRunning && running.statusUpdateState == .taskRunning)
    #expect(running.statusUpdateUuid.count == 16 && running.statuses.map(\.state) == [.taskRunning])
    #expect(running.resources.map(\.allocationInfo.role) == ["a", "a"] && running.resources.allSatisfy { !$0.hasRole })
  }

  @Test func agentsShowWhatIsHeldAndOfferedWithItsRole() throws {
    let answer = try #require(try read(.getAgents).getAgents.agents.first)
    #expect(answer.agentInfo.id.value == agent.id && answer.active && !answer.deactivated)
    #expect(answer.pid == "slave(1)@\(agent.address)" && answer.hasRegisteredTime && !answer.hasReregisteredTime)
    let used = try Resources(wire: answer.allocatedResources)
    let offered = try Resources(wire: answer.offeredResources)
    #expect(used == Resources([.scalar("cpus", 1), .scalar("mem", 128)]).allocated(to: "a"))
    #expect((used + offered).unallocated() == (try Resources(wire: answer.totalResources)))
    #expect(answer.totalResources.allSatisfy { $0.role == "*" })
    agent.disconnect()
    #expect(try read(.getAgents).getAgents.agents.first?.active == false)
  }

  @Test func frameworksShowTheirOffers() throws {
    let answer = try #require(try read(.getFrameworks).getFrameworks.frameworks.first)
    #expect(answer.frameworkInfo.id.value == framework.id && answer.active && answer.connected && !answer.recovered)
    #expect(!answer.offers.isEmpty)
    for offer in answer.offers {
      let sent = try #require(framework.offers.first { $0.id == offer.id })
      #expect(sent.url == offer.url && sent.resources == offer.resources && sent.hostname == offer.hostname)
    }
    let offered = try Resources(wire: answer.offeredResources)
    #expect(try answer.offers.reduce(Resources()) { $0 + (try Resources(wire: $1.resources)) } == offered)
    #expect(try Resources(wire: answer.allocatedResources).total(of: "cpus") == Quantity(1))
    framework.call(.teardown)
    let after = try read(.getFrameworks).getFrameworks
    #expect(after.frameworks.isEmpty && after.completedFrameworks.map(\.frameworkInfo.id.value) == [framework.id])
    #expect(after.completedFrameworks.allSatisfy { !$0.active && $0.hasUnregisteredTime })
    #expect(try read(.getTasks).getTasks.completedTasks.count == 2)
  }

  @Test func theStateIsAllOfIt() throws {
    let state = try read(.getState).getState
    #expect(state.getTasks == (try read(.getTasks).getTasks))
    #expect(state.getExecutors == (try read(.getExecutors).getExecutors))
    #expect(state.getFrameworks == (try read(.getFrameworks).getFrameworks))
    #expect(state.getAgents == (try read(.getAgents).getAgents))
  }

  @Test func executorsAreThoseThatFrameworksBring() throws {
    #expect(try read(.getExecutors).getExecutors.executors.isEmpty)
    var task = framework.task("custom", on: agent.id)
    task.clearCommand()
    task.executor.executorID.value = "e"
    task.executor.command.value = "run"
    let offers = try read(.getFrameworks).getFrameworks.frameworks.flatMap(\.offers)
    framework.launch(offers.map(\.id.value), [task])
    let executors = try read(.getExecutors).getExecutors.executors
    #expect(executors.map(\.executorInfo.executorID.value) == ["e"] && executors.map(\.agentID.value) == [agent.id])
    #expect(framework.updates.count == 2, "\(framework.updates)")
    #expect(try read(.getTasks).getTasks.tasks.first { $0.taskID.value == "custom" }?.executorID.value == "e")
  }

  @Test func rolesHaveWeightsMembersAndWhatTheyHold() throws {
    cluster.call(.updateWeights) {
      $0.updateWeights.weightInfos = [
        .with {
          $0.role = "b"
          $0.weight = 3
        }
      ]
    }
    let roles = try read(.getRoles).getRoles.roles
    #expect(roles.map(\.name) == ["a", "b"] && roles.map(\.weight) == [1, 3])
    #expect(roles[0].frameworks.map(\.value) == [framework.id] && roles[1].frameworks.isEmpty)
    #expect(roles[0].resources.map(\.name) == ["cpus", "mem"] && roles[0].resources.map(\.scalar.value) == [4, 4096])
  }

  @Test func theOlderEndpointTellsWhatOfARolesIsUsedAndWhatOffered() throws {
    guard case .object(let view) = cluster.core.snapshot().roles, case .list(let roles)? = view["roles"] else {
      Issue.record("no list of roles")
      return
    }
    #expect(roles.count == 1)
    guard case .object(let role)? = roles.first else { return }
    #expect(role["name"] == "a" && role["frameworks"] == [.text(framework.id)])
    #expect(role["allocated"] == ["cpus": 1.0, "mem": 128.0])
    #expect(role["offered"] == ["cpus": 3.0, "mem": 3968.0])
    #expect(role["resources"] == ["cpus": 4.0, "mem": 4096.0])
  }

  @Test func operationsAreThoseNotAcknowledged() throws {
    #expect(try read(.getOperations).hasGetOperations)
    framework.call(.accept) { call in
      call.accept.offerIds = [self.framework.offers[self.framework.offers.count - 1].id]
      call.accept.operations = [
        .with {
          $0.type = .reserve
          $0.id.value = "op"
          $0.reserve.resources = [
            .with {
              $0.name = "cpus"
              $0.type = .scalar
              $0.scalar.value = 1
              $0.allocationInfo.role = "a"
              $0.reservations = [
                .with {
                  $0.type = .dynamic
                  $0.role = "a"
                }
              ]
            }
          ]
        }
      ]
    }
    let operation = try #require(try read(.getOperations).getOperations.operations.first)
    #expect(operation.info.id.value == "op" && operation.frameworkID.value == framework.id)
    #expect(operation.agentID.value == agent.id && operation.uuid.value.count == 16)
    #expect(operation.latestStatus.state == .operationPending && operation.statuses == [operation.latestStatus])
  }

  @Test func theMasterTellsWhoItIs() throws {
    let master = try read(.getMaster).getMaster
    #expect(master.masterInfo.id == TestCluster.id && master.startTime == 1_000_000 && master.hasElectedTime)
    #expect(try read(.getVersion).getVersion.versionInfo.version == master.masterInfo.version)
  }

  @Test func metricsAreAListOfTheSameNumbers() {
    let answer = MasterSnapshot.answer(metrics: ["b": 2.0, "a": 1.5, "text": "none"])
    #expect(answer.getMetrics.metrics.map(\.name) == ["a", "b"] && answer.getMetrics.metrics.map(\.value) == [1.5, 2])
  }

  @Test func whatThisMasterDoesNotKnowIsNoRead() {
    let call = MesosMasterCall.with { $0.type = .unknown }
    #expect(cluster.core.snapshot().answer(call) == nil && cluster.core.snapshot().write(call, .json) == nil)
    #expect(cluster.call(.unknown)?.status == 501)
  }
}
