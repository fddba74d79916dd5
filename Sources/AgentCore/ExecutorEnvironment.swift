import Resources
import Wire

extension AgentCore {
  /// The environment of an executor or command task, but for what isolators add. Lowest in precedence first (protocol
  /// facts 105 to 109).
  func environment(of executor: Executor) -> [String: String] {
    var environment = commonEnvironment(of: executor, sandbox: sandbox(of: executor), setup(of: executor))
    if executor.isCommandTask { environment["MESOS_ALLOCATION_ROLE"] = executor.role }
    Self.add(executor.info.command.environment, to: &environment)
    return environment
  }

  /// Likewise of a task of a pod.
  func environment(of task: AgentTask, in container: Container) -> [String: String] {
    let sandbox = sandbox(of: task, in: container)
    var environment = commonEnvironment(of: task.executor, sandbox: sandbox, setup(ofNested: task))
    environment["MESOS_ALLOCATION_ROLE"] = task.role
    environment["MESOS_CONTAINER_IP"] = configuration.ip
    Self.add(task.info.command.environment, to: &environment)
    return environment
  }

  static func add(_ variables: MesosEnvironment, to environment: inout [String: String]) {
    for variable in variables.variables {
      environment[variable.name] =
        variable.type == .secret ? String(decoding: variable.secret.value.data, as: UTF8.self) : variable.value
    }
  }

  /// - Parameter setup: of the container that has it.
  private func commonEnvironment(
    of executor: Executor, sandbox: String, _ setup: ContainerSetup
  ) -> [String: String] {
    let checkpoint = executor.framework.info.checkpoint
    var environment = configuration.executorEnvironment
    environment["PATH"] =
      environment["PATH"] ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    environment["MESOS_FRAMEWORK_ID"] = executor.framework.id
    environment["MESOS_EXECUTOR_ID"] = executor.id
    environment["MESOS_DIRECTORY"] = sandbox
    environment["MESOS_SANDBOX"] = setup.root == nil ? sandbox : ContainerSetup.sandboxInRoot
    environment["MESOS_SLAVE_ID"] = agentID ?? ""
    environment["MESOS_SLAVE_PID"] = "slave(1)@\(configuration.address)"
    environment["MESOS_AGENT_ENDPOINT"] = configuration.address
    environment["MESOS_CHECKPOINT"] = checkpoint ? "1" : "0"
    environment["MESOS_HTTP_COMMAND_EXECUTOR"] = "0"
    environment["MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD"] = DurationText.text(nanoseconds: shutdownGraceNs(of: executor))
    environment["LIBPROCESS_PORT"] = "0"
    environment["LIBPROCESS_IP"] = configuration.ip
    if checkpoint {
      environment["MESOS_RECOVERY_TIMEOUT"] = DurationText.text(nanoseconds: ProtocolTime.recoveryTimeoutNs)
      environment["MESOS_SUBSCRIPTION_BACKOFF_MAX"] = DurationText.text(nanoseconds: ProtocolTime.subscriptionBackoffNs)
    }
    return environment
  }

  func shutdownGraceNs(of executor: Executor) -> Int64 {
    let info = executor.info
    guard info.hasShutdownGracePeriod else { return configuration.executorShutdownGraceNs }
    return max(0, min(info.shutdownGracePeriod.nanoseconds, ProtocolTime.longestNs))
  }
}
