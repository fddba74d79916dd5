import MasterCore
import Resources
import Testing
import Wire

/// LAUNCH_GROUP: all tasks or none.
@Suite struct TaskGroupTests {
  let cluster: TestCluster
  let agent: TestAgent
  let framework: TestFramework

  init() throws {
    cluster = TestCluster()
    agent = try TestAgent(cluster, resources: "cpus:8;mem:4096;disk:1000")
    framework = TestFramework(cluster)
  }

  private func executor(_ change: (inout MesosExecutorInfo) -> Void = { _ in }) -> MesosExecutorInfo {
    .with {
      $0.type = .default
      $0.executorID.value = "e"
      $0.frameworkID.value = framework.id
      $0.resources = Resources([.scalar("cpus", 0.1), .scalar("mem", 32), .scalar("disk", 10)]).wire(.stack)
      change(&$0)
    }
  }

  private func launch(_ tasks: [MesosTaskInfo], on executor: MesosExecutorInfo) throws {
    let offer = try #require(framework.offers.last).id
    framework.call(.accept) { call in
      call.accept.offerIds = [offer]
      var operation = MesosOffer.Operation()
      operation.type = .launchGroup
      operation.launchGroup.executor = executor
      operation.launchGroup.taskGroup.tasks = tasks
      call.accept.operations = [operation]
      call.accept.filters.refuseSeconds = 0
    }
  }

  private func pair(_ change: (inout MesosTaskInfo) -> Void = { _ in }) -> [MesosTaskInfo] {
    var second = framework.task("two", on: agent.id)
    change(&second)
    return [framework.task("one", on: agent.id), second]
  }

  private func own(_ task: inout MesosTaskInfo) {
    task.container.type = .mesos
    task.container.linuxInfo.shareCgroups = false
  }

  @Test func aGroupRunsTogetherOrNotAtAll() throws {
    try launch([framework.task("one", on: agent.id), framework.task("two", on: agent.id, cpus: 9)], on: executor())
    #expect(framework.updates.map(\.reason) == [.taskGroupInvalid, .taskGroupInvalid])
    #expect(framework.updates.allSatisfy { !$0.hasUuid && $0.source == .master })
    #expect(framework.updates[0].message.contains("required by task group and its executor are more than available"))
    #expect(agent.launched.isEmpty)
    try launch(pair(), on: executor())
    #expect(agent.launched == ["one", "two"])
    let tasks = cluster.core.snapshot().frameworks.flatMap(\.tasks)
    #expect(tasks.map(\.executorID) == ["e", "e"])
  }

  @Test func theExecutorCountsForTheFirstGroupOnly() throws {
    try launch(
      pair(),
      on: executor {
        $0.resources = Resources([.scalar("cpus", 1), .scalar("mem", 32), .scalar("disk", 1)]).wire(.stack)
      })
    let offer = try #require(framework.offers.last)
    #expect(try Resources(wire: offer.resources).total(of: "cpus") == Quantity(5))
    #expect(offer.executorIds.map(\.value) == ["e"])
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let message: String
    var spoilTask: @Sendable (inout MesosTaskInfo) -> Void = { _ in }
    var spoil: @Sendable (inout MesosExecutorInfo) -> Void = { _ in }
    var testDescription: String { message }
  }

  static let cases: [Case] = [
    Case(message: "Task 'two' is invalid: Task uses no resources", spoilTask: { $0.resources = [] }),
    Case(message: "Task 'one' is invalid: Task has duplicate ID: one", spoilTask: { $0.taskID.value = "one" }),
    Case(
      message: "The `ExecutorInfo` of task 'two' is different from executor 'e'",
      spoilTask: { $0.executor.executorID.value = "other" }),
    Case(
      message: "Task 'two' is invalid: Docker ContainerInfo is not supported on the task",
      spoilTask: { $0.container.type = .docker }),
    Case(
      message: "Task 'two' is invalid: Resource limits may only be set for tasks within a task group when the "
        + "'share_cgroups' field is set to 'false'.",
      spoilTask: { $0.limits = ["mem": .with { $0.value = 256 }] }),
    Case(
      message: "Task 'two' is invalid: The memory limit must be greater than or equal to the memory request",
      spoilTask: { $0.limits = ["mem": .with { $0.value = 64 }] }),
    Case(
      message: "Task 'two' is invalid: Only cpus and mem may be included in a task's resource limits",
      spoilTask: { $0.limits = ["disk": .with { $0.value = 64 }] }),
    Case(
      message: "If set, the value of 'share_cgroups' must be the same for all tasks in each task group and under a "
        + "single executor",
      spoilTask: {
        $0.container.type = .mesos
        $0.container.linuxInfo.shareCgroups = false
      }),
    Case(
      message: "'ExecutorInfo.type' must be set",
      spoil: { executor in
        executor.clearType()
        executor.command.value = "run"
      }),
    Case(
      message: "'ExecutorInfo.command' must not be set for 'DEFAULT' executor", spoil: { $0.command.value = "run" }),
    Case(
      message: "'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor",
      spoil: { $0.container.type = .docker }),
    Case(
      message: "Executor 'e' uses less CPUs (0.001) than the minimum required (0.01)",
      spoil: { $0.resources[0].scalar.value = 0.001 }),
    Case(
      message: "Executor 'e' uses less memory (None) than the minimum required (32MB)",
      spoil: { $0.resources.remove(at: 1) }),
    Case(message: "Executor 'e' uses no disk", spoil: { $0.resources.removeLast() }),
    Case(
      message: "The 'share_cgroups' field cannot be set to 'true' on executor containers",
      spoil: {
        $0.container.type = .mesos
        $0.container.linuxInfo.shareCgroups = true
      }),
  ]

  @Test(arguments: cases) func whatMakesAGroupInvalidIsToldOfEachTask(example: Case) throws {
    try launch(pair(example.spoilTask), on: executor(example.spoil))
    #expect(framework.updates.map(\.message) == [example.message, example.message])
    #expect(framework.updates.allSatisfy { $0.reason == .taskGroupInvalid })
    #expect(agent.launched.isEmpty)
  }

  /// Protocol fact 59.
  @Test func theFrameworksIDIsRequired() throws {
    try launch(pair(), on: executor { $0.clearFrameworkID() })
    #expect(framework.updates.count == 2 && framework.updates[0].message.contains("invalid FrameworkID"))
  }

  @Test func tasksMayNameTheSameExecutor() throws {
    try launch(pair { $0.executor = executor() }, on: executor())
    #expect(agent.launched == ["one", "two"])
  }

  @Test func sharingIsTheSameForAllGroupsOfAnExecutor() throws {
    try launch(pair(), on: executor())
    var later = framework.task("later", on: agent.id)
    own(&later)
    try launch([later], on: executor())
    #expect(framework.updates.map(\.taskID.value) == ["later"])
    try launch([later], on: executor { $0.executorID.value = "f" })
    #expect(agent.launched == ["one", "two", "later"])
  }

  @Test func onlyGroupsHaveTasksThatShareNoCgroup() throws {
    var task = framework.task("t", on: agent.id)
    own(&task)
    framework.launch([try #require(framework.offers.last).id.value], [task])
    #expect(
      framework.updates.map(\.message) == ["Only tasks in a task group may have 'share_cgroups' set to 'false'"])
  }
}
