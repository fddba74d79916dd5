import CTepui

/// The whole body of a module's entry function.
public func export<Concern: Isolator>(
  _ concern: Concern.Type, _ host: HostPointer, _ module: ModulePointer, _ error: ErrorPointer
) -> tepui_status {
  makeIsolator = { try Concern(node: $0, parameters: $1, log: $2) }
  return tepui_module_fill(host, module, error, Concern.descriptor.immortal(kind: TEPUI_ISOLATOR_1)) { id in
    String(id) == TEPUI_ISOLATOR_1 ? UnsafeRawPointer(isolatorTable) : nil
  }
}

/// The isolator of this library; see `makePolicy`.
nonisolated(unsafe) private var makeIsolator: ((Node, Parameters, Log) throws -> any Isolator)?

/// An instance, as the host holds it.
private final class Instance {
  var isolator: any Isolator
  init(_ isolator: any Isolator) { self.isolator = isolator }
}

/// Lives as long as the process and never changes.
nonisolated(unsafe) private let isolatorTable: UnsafePointer<tepui_isolator>? = immortalArray([
  tepui_isolator(
    size: UInt32(MemoryLayout<tepui_isolator>.size),
    create: { host, node, parameters, count, instance, error in
      guard let host, let node, let instance, let makeIsolator else { return TEPUI_INVALID }
      return report(error) {
        let isolator = try makeIsolator(Node(raw: node), Parameters(parameters, count: count), Log(host: host))
        instance.pointee = Unmanaged.passRetained(Instance(isolator)).toOpaque()
      }
    },
    destroy: { instance in
      if let instance { Unmanaged<Instance>.fromOpaque(instance).release() }
    },
    plan: { instance, container, sink, error in
      guard let instance, let container, let sink else { return TEPUI_INVALID }
      return Unmanaged<Instance>.fromOpaque(instance)._withUnsafeGuaranteedRef { instance in
        report(error) { try instance.isolator.plan(Container(raw: container), Plan(sink: sink)) }
      }
    })
])
