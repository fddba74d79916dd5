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
  private let instance: UnsafeMutableRawPointer?
  private let meter = GrantMeter()
  private let suspendsAfterFailure: Bool
  private var failure: String?
  public private(set) var lastCycleNs: Int64?

  init(_ module: LoadedModule, activation: ModuleConfiguration.Activation) throws(ModuleError) {
    let table: tepui_allocator = try module.requiredTable(through: \.allocate)
    guard let create = table.create else { throw module.missingFunction("create") }
    guard table.allocate != nil else { throw module.missingFunction("allocate") }
    let memory = BorrowedMemory()
    let parameters = module.parameters(in: memory)
    var instance: UnsafeMutableRawPointer?
    let answer = withExtendedLifetime(memory) {
      callModule { create(module.host.pointer, parameters, UInt32(module.parameters.count), &instance, $0) }
    }
    guard answer.isDone else {
      throw ModuleError(.create, "\(module.path): \(module.id) does not start: \(answer.reason)")
    }
    self.module = module
    self.table = table
    self.instance = instance
    id = module.id
    deadlineNs = activation.deadlineNs ?? Self.defaultDeadlineNs
    suspendsAfterFailure = activation.onFailure == .suspend
  }

  public func allocate(
    _ view: UnsafePointer<tepui_allocation_view>, _ sink: UnsafePointer<tepui_grant_sink>
  ) -> AllocationOutcome {
    if let failure { return .failed("suspended since it failed (\(failure)); restart to resume") }
    guard let allocate = table.allocate else { return .failed("no function allocate") }
    meter.open(sink)
    let answer = callModule { allocate(instance, view, meter.sink, $0) }
    let invalid = meter.close()
    lastCycleNs = answer.elapsedNs
    if module.statistics.count(answer, deadlineNs: deadlineNs, refusals: invalid) {
      module.host.write(
        .warning,
        "a cycle took \(DurationText.text(nanoseconds: answer.elapsedNs / 1000 * 1000)), its deadline is \(DurationText.text(nanoseconds: deadlineNs))"
      )
    }
    guard !answer.isDone else { return .done }
    if suspendsAfterFailure { failure = answer.reason }
    return .failed(answer.reason)
  }
}

/// Stands between a policy and the ledger's sink: counts grants that can never be, and is shut outside of a cycle, so
/// that a module which kept the sink does no harm.
private final class GrantMeter {
  let sink: UnsafePointer<tepui_grant_sink>
  private let memory = UnsafeMutablePointer<tepui_grant_sink>.allocate(capacity: 1)
  private var target: UnsafePointer<tepui_grant_sink>?
  private var invalid = 0

  init() {
    sink = UnsafePointer(memory)
    memory.initialize(to: tepui_grant_sink())
    memory.pointee.size = UInt32(MemoryLayout<tepui_grant_sink>.size)
    memory.pointee.context = Unmanaged.passUnretained(self).toOpaque()
    memory.pointee.grant = { context, agent, claimant, amounts in
      guard let context else { return TEPUI_INVALID }
      return Unmanaged<GrantMeter>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.grant(agent, claimant, amounts) }
    }
  }

  deinit { memory.deallocate() }

  func open(_ target: UnsafePointer<tepui_grant_sink>) {
    self.target = target
    invalid = 0
  }

  func close() -> Int {
    target = nil
    return invalid
  }

  private func grant(_ agent: UInt32, _ claimant: UInt32, _ amounts: UnsafePointer<Int64>?) -> tepui_status {
    guard let target, let grant = target.pointee.grant else { return TEPUI_INVALID }
    let status = grant(target.pointee.context, agent, claimant, amounts)
    if status == TEPUI_INVALID { invalid += 1 }
    return status
  }
}
