import MasterCore
import Resources
import Testing
import Wire

/// What makes a task invalid, with the words of recorded exchanges with Mesos.
@Suite struct TaskCheckTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let message: String
    let spoil: @Sendable (inout MesosTaskInfo) -> Void
    var testDescription: String { message }
  }

  static let cases: [Case] = [
    Case(message: "ID must not be empty") { $0.taskID.value = "" },
    Case(message: "'a/b' contains invalid characters") { $0.taskID.value = "a/b" },
    Case(message: "'..' is disallowed") { $0.taskID.value = ".." },
    Case(message: "ID must not be greater than 255 characters") {
      $0.taskID.value = String(repeating: "x", count: 256)
    },
    Case(message: "Task uses invalid agent other while agent master-S0 is expected") { $0.agentID.value = "other" },
    Case(message: "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0") {
      $0.resources[0].scalar.value = -1
    },
    Case(message: "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present") {
      $0.clearCommand()
    },
    Case(message: "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present") {
      $0.executor.executorID.value = "e"
    },
    Case(message: "Task's 'kill_policy.grace_period' must be non-negative") {
      $0.killPolicy.gracePeriod.nanoseconds = -5
    },
    Case(message: "Task's `max_completion_time` must be non-negative") { $0.maxCompletionTime.nanoseconds = -1 },
    Case(
      message: "Task's `CommandInfo` is invalid: Environment variable 'A' of type 'VALUE' must have a value set"
    ) { task in
      var variable = MesosEnvironment.Variable()
      variable.name = "A"
      task.command.environment.variables = [variable]
    },
    Case(message: "'ExecutorInfo.command' must be set for 'CUSTOM' executor") { task in
      task.clearCommand()
      task.executor.executorID.value = "e"
      task.executor.type = .custom
    },
    Case(
      message: "Task uses invalid resources: Invalid 'gpus' resource: The 'gpus' resource must be an unsigned integer"
    ) { task in
      task.resources += Resources([.scalar("gpus", 0.5)]).wire(.stack)
    },
    Case(
      message: "Total resources cpus(allocated: other):1; mem(allocated: other):128 required by task and its executor "
        + "is more than available cpus(allocated: a):4; mem(allocated: a):4096; ports(allocated: a):[31000-32000]"
    ) { task in
      for index in task.resources.indices { task.resources[index].allocationInfo.role = "other" }
    },
    Case(
      message: "Invalid task resources: The resources have multiple allocation roles ('a' and 'other') but only one "
        + "allocation role is allowed"
    ) { $0.resources[0].allocationInfo.role = "other" },
  ]

  @Test(arguments: cases) func aBadTaskIsTaskErrorWithMesosWords(example: Case) throws {
    let cluster = TestCluster()
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    var task = framework.task("t", on: agent.id)
    example.spoil(&task)
    framework.launch([framework.offers[0].id.value], [task])
    #expect(framework.updates.map(\.message) == [example.message])
    #expect(framework.updates.map(\.state) == [.taskError])
    #expect(framework.updates.first?.hasUuid == false)
    #expect(agent.launched.isEmpty)
  }

  @Test(arguments: ["a b", "a:b", "ä"]) func oddButLegalIDsLaunch(id: String) throws {
    let cluster = TestCluster()
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.launch([framework.offers[0].id.value], [framework.task(id, on: agent.id)])
    #expect(agent.launched == [id])
  }

  @Test func zeroOfAResourceIsLegal() throws {
    let cluster = TestCluster()
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.launch([framework.offers[0].id.value], [framework.task("t", on: agent.id, cpus: 0)])
    #expect(agent.launched == ["t"])
  }

  @Test func anIDInUseIsADuplicateAndAFinishedOneIsFree() throws {
    let cluster = TestCluster()
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    framework.launch(
      [framework.offers[0].id.value], [framework.task("dup", on: agent.id), framework.task("dup", on: agent.id)])
    #expect(framework.updates.map(\.message) == ["Task has duplicate ID: dup"])
    agent.update("dup", of: framework, .taskFinished)
    framework.acknowledge(try #require(framework.updates.last))
    framework.launch([try #require(framework.offers.last).id.value], [framework.task("dup", on: agent.id)])
    #expect(agent.launched == ["dup", "dup"])
  }
}
