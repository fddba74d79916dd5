import Resources
import SwiftProtobuf
import Wire

/// A record that this agent cannot use: which one, and why.
public struct CheckpointError: Error, Equatable, CustomStringConvertible {
  public let key: String
  public let problem: String
  public let remedy: String

  init(
    key: String, problem: String,
    remedy: String = "start with an empty work directory, or restore this one from a backup"
  ) {
    self.key = key
    self.problem = problem
    self.remedy = remedy
  }

  public var description: String { "checkpoint record '\(key)' \(problem); \(remedy)" }
}

/// Keys of the checkpoint records. Ids contain no slash (protocol fact 61).
enum CheckpointKey {
  static let agent = "agent"
  static let boot = "boot"
  static let resources = "resources"

  static func operation(_ key: String) -> String { "operation/\(key)" }

  static func framework(_ id: String) -> String { "framework/\(id)" }
  static func executor(_ executor: Executor) -> String { "executor/\(executor.framework.id)/\(executor.id)" }
  static func task(_ task: AgentTask) -> String { "task/\(name(task))" }
  static func progress(_ task: AgentTask) -> String { "progress/\(name(task))" }
  static func update(_ task: AgentTask, _ sequence: UInt64) -> String { "update/\(name(task))/\(sequence)" }

  private static func name(_ task: AgentTask) -> String { "\(task.executor.framework.id)/\(task.id)" }
}

/// Writing records. Only frameworks that ask for checkpoints have any: the tasks of the others do not outlive the agent.
extension AgentCore {
  private mutating func persist(_ key: String, _ message: some Message) {
    do {
      emit(.persist(key: key, value: try message.serializedBytes()))
    } catch {
      // Messages are complete when they come in, so this is a fault of ours; the task runs on without its record.
      log(.error, "Cannot write the checkpoint record '\(key)': \(error)")
    }
  }

  mutating func persistResources() {
    let record = CheckpointResources.with { $0.made = total.madeByOperations.wire(.stack) }
    persist(CheckpointKey.resources, record)
  }

  /// Operations outlive the agent whatever their framework's checkpoints.
  mutating func persist(_ operation: String) {
    guard let known = operations[operation] else { return }
    let record = CheckpointOperation.with {
      if let id = known.frameworkID { $0.frameworkID.value = id }
      $0.info = known.info
      $0.sequence = known.sequence
      $0.status = known.status
    }
    persist(CheckpointKey.operation(operation), record)
  }

  mutating func persist(_ framework: Framework) {
    guard framework.info.checkpoint else { return }
    persist(CheckpointKey.framework(framework.id), framework.info)
  }

  mutating func persist(_ executor: Executor) {
    guard executor.framework.info.checkpoint else { return }
    let record = CheckpointExecutor.with {
      $0.frameworkID = executor.frameworkID
      $0.info = executor.info
      $0.containerID = .with { $0.value = executor.containerID }
      $0.commandTask = executor.isCommandTask
      $0.exited = executor.hasExited
    }
    persist(CheckpointKey.executor(executor), record)
  }

  mutating func persist(_ task: AgentTask) {
    guard task.executor.framework.info.checkpoint else { return }
    let record = CheckpointTask.with {
      $0.info = task.info
      $0.executorID = task.executor.info.executorID
      $0.sequence = task.sequence
      if let group = task.group { $0.group = group }
      if let container = task.container, container.parentID != nil { $0.containerID.value = container.id }
    }
    persist(CheckpointKey.task(task), record)
  }

  mutating func persist(_ update: UpdateStream.Update, of task: AgentTask) {
    guard task.executor.framework.info.checkpoint else { return }
    persist(CheckpointKey.update(task, update.sequence), update.status)
  }

  mutating func persistProgress(of task: AgentTask) {
    guard task.executor.framework.info.checkpoint else { return }
    let record = CheckpointProgress.with {
      $0.delivered = task.isDelivered
      if let latest = task.acknowledgedStatus { $0.latest = latest }
      $0.acknowledgedUuids = task.updates.acknowledged.map { .init($0) }
      if let kill = task.kill {
        $0.killDeadlineNs = kill.deadlineNs
        if kill.cause == .completionTime { $0.completionTimeReached = true }
        if kill.cause == .unhealthy { $0.unhealthy = true }
      }
      if let startedNs = task.startedNs { $0.startedNs = startedNs }
      if task.failedHealthChecks > 0 { $0.failedHealthChecks = task.failedHealthChecks }
    }
    persist(CheckpointKey.progress(task), record)
  }

  mutating func forget(_ update: UpdateStream.Update, of task: AgentTask) {
    guard task.executor.framework.info.checkpoint else { return }
    emit(.forget(key: CheckpointKey.update(task, update.sequence)))
  }

  mutating func forget(_ task: AgentTask) {
    guard task.executor.framework.info.checkpoint else { return }
    for update in task.updates.pending { forget(update, of: task) }
    emit(.forget(key: CheckpointKey.progress(task)))
    emit(.forget(key: CheckpointKey.task(task)))
  }

  mutating func forget(_ executor: Executor) {
    guard executor.framework.info.checkpoint else { return }
    emit(.forget(key: CheckpointKey.executor(executor)))
  }

  mutating func forget(_ framework: Framework) {
    guard framework.info.checkpoint else { return }
    emit(.forget(key: CheckpointKey.framework(framework.id)))
  }
}
