import CTepui

public typealias HostPointer = UnsafePointer<tepui_host>
public typealias ModulePointer = UnsafeMutablePointer<tepui_module>
public typealias ErrorPointer = UnsafeMutablePointer<tepui_error>

/// The whole body of a module's entry function.
public func export<Policy: Allocator>(
  _ policy: Policy.Type, _ host: HostPointer, _ module: ModulePointer, _ error: ErrorPointer
) -> tepui_status {
  makePolicy = { try Policy(parameters: $0, log: $1) }
  explains = Policy.self is any ExplainingAllocator.Type
  return tepui_module_fill(host, module, error, Policy.descriptor.immortal(kind: TEPUI_ALLOCATOR_1)) { id in
    switch String(id) {
    case TEPUI_ALLOCATOR_1: UnsafeRawPointer(allocatorTable)
    case TEPUI_ALLOCATOR_EXPLAIN_1 where explains: UnsafeRawPointer(explainTable)
    default: nil
    }
  }
}

/// The policy of this library: C function pointers carry no type, and a library has one policy. Set once, by the entry
/// function, before anything reads it.
nonisolated(unsafe) private var makePolicy: ((Parameters, Log) throws -> any Allocator)?

/// Whether it is an `ExplainingAllocator`; likewise.
nonisolated(unsafe) private var explains = false

/// An instance, as the host holds it.
private final class Instance {
  var policy: any Allocator
  init(_ policy: any Allocator) { self.policy = policy }
}

/// Lives as long as the process and never changes.
nonisolated(unsafe) private let allocatorTable: UnsafePointer<tepui_allocator>? = immortalArray([
  tepui_allocator(
    size: UInt32(MemoryLayout<tepui_allocator>.size),
    create: { host, parameters, count, instance, error in
      guard let host, let instance, let makePolicy else { return TEPUI_INVALID }
      return report(error) {
        let policy = try makePolicy(Parameters(parameters, count: count), Log(host: host))
        instance.pointee = Unmanaged.passRetained(Instance(policy)).toOpaque()
      }
    },
    destroy: { instance in
      if let instance { Unmanaged<Instance>.fromOpaque(instance).release() }
    },
    allocate: { instance, view, sink, error in
      guard let instance, let view, let sink else { return TEPUI_INVALID }
      return Unmanaged<Instance>.fromOpaque(instance)._withUnsafeGuaranteedRef { instance in
        report(error) { try instance.policy.allocate(AllocationView(raw: view), Grants(sink: sink)) }
      }
    })
])

nonisolated(unsafe) private let explainTable: UnsafePointer<tepui_allocator_explain>? = immortalArray([
  tepui_allocator_explain(
    size: UInt32(MemoryLayout<tepui_allocator_explain>.size),
    explain: { instance, view, claimant, sink, error in
      guard let instance, let view, let sink else { return TEPUI_INVALID }
      return Unmanaged<Instance>.fromOpaque(instance)._withUnsafeGuaranteedRef { instance in
        guard let policy = instance.policy as? any ExplainingAllocator else { return TEPUI_UNSUPPORTED }
        return report(error) {
          try policy.explain(Claimant(id: claimant), AllocationView(raw: view), Reasons(sink: sink))
        }
      }
    })
])

/// Runs `body`; what it throws becomes a status and a text.
func report(_ error: UnsafeMutablePointer<tepui_error>?, _ body: () throws -> Void) -> tepui_status {
  do {
    try body()
    return TEPUI_OK
  } catch let failure {
    guard let error, error.pointee.capacity > 0, let text = error.pointee.text else { return TEPUI_FAILED }
    let bytes = "\(failure)".utf8.prefix(Int(error.pointee.capacity))
    for (index, byte) in bytes.enumerated() { text[index] = CChar(bitPattern: byte) }
    error.pointee.length = UInt32(bytes.count)
    return TEPUI_FAILED
  }
}
