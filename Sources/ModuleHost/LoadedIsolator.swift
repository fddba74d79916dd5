import CTepui
import Resources

/// The isolator in a module.
///
/// Sendable only to be handed to the containment thread: calls into it never overlap.
public final class LoadedIsolator: Isolator, @unchecked Sendable {
  /// Without `deadline` in modules.json.
  public static let defaultDeadlineNs: Int64 = 5_000_000_000

  public let id: String

  private let module: LoadedModule
  private let table: tepui_isolator
  private let usageTable: tepui_isolator_usage?
  private let lifecycleTable: tepui_isolator_lifecycle?
  private let instance: UnsafeMutableRawPointer?
  private let deadlineNs: Int64
  private let continuesAfterFailure: Bool
  private let planSink: PlanSink
  private let usageSink = UsageSink()

  /// What the module asked for and did not get, because it is never allowed.
  public var refusalCount: Int { module.statistics.current.refusals }

  /// How the module used the sinks of `plan` and of `usage` when it may not.
  public var sinkMisuse: SinkMisuse { planSink.door.misuse + usageSink.door.misuse }
  private let watch: CallWatch

  init(
    _ module: LoadedModule, node: NodeDescription, activation: ModuleConfiguration.Activation, padding: Int = 0
  ) throws(ModuleError) {
    let table: tepui_isolator = try module.requiredTable(through: \.plan)
    guard let create = table.create else { throw module.missingFunction("create") }
    guard table.plan != nil else { throw module.missingFunction("plan") }
    usageTable = try module.table(TEPUI_ISOLATOR_USAGE_1, through: \tepui_isolator_usage.usage)
    lifecycleTable = try module.table(TEPUI_ISOLATOR_LIFECYCLE_1, through: \tepui_isolator_lifecycle.size)
    let memory = BorrowedMemory()
    let parameters = module.parameters(in: memory, padding: padding)
    let tepuiNode = node.borrowed(in: memory)
    var instance: UnsafeMutableRawPointer?
    let answer = withExtendedLifetime(memory) {
      callModule { create(module.host.pointer, tepuiNode, parameters, UInt32(module.parameters.count), &instance, $0) }
    }
    guard answer.isDone else {
      throw ModuleError(.create, "\(module.path): \(module.id) does not start: \(answer.reason)")
    }
    self.module = module
    watch = CallWatch(module.host, consequence: "this agent launches and ends no container")
    self.table = table
    self.instance = instance
    id = module.id
    deadlineNs = activation.deadlineNs ?? Self.defaultDeadlineNs
    continuesAfterFailure = activation.onFailure == .continue
    planSink = PlanSink(controllers: node.controllers)
  }

  deinit { table.destroy?(instance) }

  public func plan(_ container: ContainerDescription, running: Bool) throws(IsolatorFailure) -> [PlanEntry] {
    guard let plan = table.plan else { return [] }
    planSink.open(running: running)
    let answer = call("a plan", container, running: running) { plan(instance, $0, planSink.pointer, $1) }
    let (entries, violations) = planSink.close()
    count(answer, "a plan", refusals: violations.count)
    do throws(IsolatorFailure) {
      guard answer.isDone else { throw failure(answer.reason) }
      if let violation = violations.first { throw failure("its plan is refused: \(violation)") }
      return entries
    } catch {
      guard continuesAfterFailure else { throw error }
      module.host.write(.warning, "container \(container.id) does without it: \(error.message)")
      return []
    }
  }

  public func usage(
    _ container: ContainerDescription, cgroup: any CgroupReading
  ) throws(IsolatorFailure) -> [String: Double] {
    guard let usage = usageTable?.usage else { return [:] }
    usageSink.open(cgroup)
    let answer = call("measuring", container, running: true) { usage(instance, $0, usageSink.pointer, $1) }
    let (statistics, refusals) = usageSink.close()
    count(answer, "measuring", refusals: refusals)
    guard answer.isDone else { throw failure(answer.reason) }
    return statistics
  }

  public func perform(_ step: LifecycleStep, _ container: ContainerDescription) throws(IsolatorFailure) {
    let function =
      switch step {
      case .prepare: lifecycleTable?.prepare
      case .isolate: lifecycleTable?.isolate
      case .recover: lifecycleTable?.recover
      case .cleanup: lifecycleTable?.cleanup
      }
    guard let function else { return }
    let answer = call(step.rawValue, container, running: step == .recover || step == .cleanup) {
      function(instance, $0, $1)
    }
    count(answer, step.rawValue)
    guard answer.isDone || continuesAfterFailure else { throw failure("\(step.rawValue): \(answer.reason)") }
    if !answer.isDone { module.host.write(.warning, "\(step.rawValue) of container \(container.id): \(answer.reason)") }
  }

  private func call(
    _ what: String, _ container: ContainerDescription, running: Bool,
    _ body: (UnsafePointer<tepui_container>, UnsafeMutablePointer<tepui_error>) -> tepui_status
  ) -> ModuleAnswer {
    let memory = BorrowedMemory()
    let borrowed = container.borrowed(in: memory, running: running)
    return withExtendedLifetime(memory) {
      watch.during("\(what) of container \(container.id)", limitNs: deadlineNs) { body(borrowed, $0) }
    }
  }

  private func count(_ answer: ModuleAnswer, _ what: String, refusals: Int = 0) {
    guard module.statistics.count(answer, deadlineNs: deadlineNs, refusals: refusals, misuse: sinkMisuse) else {
      return
    }
    module.host.write(
      .warning,
      "\(what) took \(DurationText.text(nanoseconds: answer.elapsedNs / 1000 * 1000)), its deadline is \(DurationText.text(nanoseconds: deadlineNs))"
    )
  }

  private func failure(_ message: String) -> IsolatorFailure {
    IsolatorFailure(isolator: id, message: message)
  }
}
