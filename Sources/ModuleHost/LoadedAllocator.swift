import Allocation
import CTepui
import Resources

/// The policy in a module.
///
/// Sendable only to be handed to the master's loop: the loop alone may call `allocate`.
public final class LoadedAllocator: AllocationPolicy, @unchecked Sendable {
  /// Without `deadline` in modules.json.
  public static let defaultDeadlineNs: Int64 = 50_000_000

  public let id: String
  /// How long a cycle may take: now_ns + this is the view's deadline_ns.
  public let deadlineNs: Int64

  private let module: LoadedModule
  private let table: tepui_allocator
  private let explainTable: tepui_allocator_explain?
  private let instance: UnsafeMutableRawPointer?
  private let meter = GrantMeter()
  private let reasonSink = ReasonSink()
  private let suspendsAfterFailure: Bool
  private var failure: String?
  public private(set) var lastCycleNs: Int64?
  /// How the module used the sinks of `allocate` and of `explain` when it may not.
  public var grantMisuse: SinkMisuse { meter.door.misuse }
  public var reasonMisuse: SinkMisuse { reasonSink.door.misuse }
  private let watch: CallWatch
  /// What the module asked for and did not get, because it is never allowed.
  public var refusalCount: Int { module.statistics.current.refusals }

  init(
    _ module: LoadedModule, activation: ModuleConfiguration.Activation, padding: Int = 0
  ) throws(ModuleError) {
    let table: tepui_allocator = try module.requiredTable(through: \.allocate)
    guard let create = table.create else { throw module.missingFunction("create") }
    guard table.allocate != nil else { throw module.missingFunction("allocate") }
    explainTable = try module.table(TEPUI_ALLOCATOR_EXPLAIN_1, through: \tepui_allocator_explain.explain)
    let memory = BorrowedMemory()
    let parameters = module.parameters(in: memory, padding: padding)
    var instance: UnsafeMutableRawPointer?
    let answer = withExtendedLifetime(memory) {
      callModule { create(module.host.pointer, parameters, UInt32(module.parameters.count), &instance, $0) }
    }
    guard answer.isDone else {
      throw ModuleError(.create, "\(module.path): \(module.id) does not start: \(answer.reason)")
    }
    self.module = module
    watch = CallWatch(module.host, consequence: "the master does nothing")
    self.table = table
    self.instance = instance
    id = module.id
    deadlineNs = activation.deadlineNs ?? Self.defaultDeadlineNs
    suspendsAfterFailure = activation.onFailure == .suspend
  }

  deinit { table.destroy?(instance) }

  public func allocate(
    _ view: UnsafePointer<tepui_allocation_view>, _ sink: UnsafePointer<tepui_grant_sink>
  ) -> AllocationOutcome {
    if let failure { return .failed("suspended since it failed (\(failure)); restart to resume") }
    guard let allocate = table.allocate else { return .failed("no function allocate") }
    meter.open(sink)
    let answer = watch.during("a cycle", limitNs: deadlineNs) { allocate(instance, view, meter.sink, $0) }
    let invalid = meter.close()
    lastCycleNs = answer.elapsedNs
    if count(answer, refusals: invalid) {
      module.host.write(
        .warning,
        "a cycle took \(DurationText.text(nanoseconds: answer.elapsedNs / 1000 * 1000)), its deadline is \(DurationText.text(nanoseconds: deadlineNs))"
      )
    }
    guard !answer.isDone else { return .done }
    if suspendsAfterFailure { failure = answer.reason }
    return .failed(answer.reason)
  }

  /// The module's own reasons, checked and bounded; of a failure its text.
  public func explain(
    _ view: UnsafePointer<tepui_allocation_view>, _ claimant: UInt32
  ) -> [(text: String, count: UInt64)] {
    guard let explain = explainTable?.explain else { return [] }
    reasonSink.open()
    let answer = watch.during("an explanation", limitNs: deadlineNs) {
      explain(instance, view, claimant, reasonSink.pointer, $0)
    }
    let (reasons, refusals) = reasonSink.close()
    if count(answer, refusals: refusals) {
      module.host.write(
        .warning, "an explanation took \(DurationText.text(nanoseconds: answer.elapsedNs / 1000 * 1000))")
    }
    return answer.isDone ? reasons : reasons + [("could not explain: \(answer.reason)", 0)]
  }

  /// Whether the call took longer than it may.
  private func count(_ answer: ModuleAnswer, refusals: Int) -> Bool {
    module.statistics.count(
      answer, deadlineNs: deadlineNs, refusals: refusals, misuse: grantMisuse + reasonMisuse)
  }
}
