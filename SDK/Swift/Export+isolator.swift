import CTepui

/// The whole body of a module's entry function.
public func export<Concern: Isolator>(
  _ concern: Concern.Type, _ host: HostPointer, _ module: ModulePointer, _ error: ErrorPointer
) -> tepui_status {
  functions = Functions(concern)
  return tepui_module_fill(host, module, error, Concern.descriptor.immortal(kind: TEPUI_ISOLATOR_1)) { id in
    switch String(id) {
    case TEPUI_ISOLATOR_1: UnsafeRawPointer(isolatorTable)
    case TEPUI_ISOLATOR_USAGE_1 where functions?.measure != nil: UnsafeRawPointer(usageTable)
    case TEPUI_ISOLATOR_LIFECYCLE_1 where functions?.act != nil: UnsafeRawPointer(lifecycleTable)
    default: nil
    }
  }
}

/// The isolator of this library; see `makePolicy`.
nonisolated(unsafe) private var functions: Functions?

/// An instance, as the host holds it.
private final class Instance<Concern: Isolator> {
  var isolator: Concern
  init(_ isolator: Concern) { self.isolator = isolator }
}

private enum Step { case prepare, isolate, recover, cleanup }

/// What is called of a type of isolator. They know the type, so that an instance is changed where it is.
private struct Functions {
  let make: (Node, Parameters, Log) throws -> AnyObject
  let plan: (AnyObject, Container, Plan) throws -> Void
  /// Nil without the extension.
  let measure: ((AnyObject, Container, Usage) throws -> Void)?
  let act: ((AnyObject, Step, Container) throws -> Void)?

  init<Concern: Isolator>(_ concern: Concern.Type) {
    make = { Instance(try Concern(node: $0, parameters: $1, log: $2)) }
    plan = { try Self.instance($0, Concern.self).isolator.plan($1, $2) }
    measure = (concern as? any MeasuringIsolator.Type).map { Self.measuring($0) }
    act = (concern as? any ActingIsolator.Type).map { Self.acting($0) }
  }

  private static func measuring<Concern: MeasuringIsolator>(
    _ concern: Concern.Type
  ) -> (AnyObject, Container, Usage) throws -> Void {
    { try instance($0, Concern.self).isolator.measure($1, $2) }
  }

  private static func acting<Concern: ActingIsolator>(
    _ concern: Concern.Type
  ) -> (AnyObject, Step, Container) throws -> Void {
    { object, step, container in
      let instance = instance(object, Concern.self)
      switch step {
      case .prepare: try instance.isolator.prepare(container)
      case .isolate: try instance.isolator.isolate(container)
      case .recover: try instance.isolator.recover(container)
      case .cleanup: try instance.isolator.cleanup(container)
      }
    }
  }

  /// A library has one type of isolator, so there are no other instances.
  private static func instance<Concern: Isolator>(_ object: AnyObject, _ concern: Concern.Type) -> Instance<Concern> {
    unsafeDowncast(object, to: Instance<Concern>.self)
  }
}

/// Calls into an instance of the host's.
private func call(
  _ instance: UnsafeMutableRawPointer?, _ error: UnsafeMutablePointer<tepui_error>?,
  _ body: (Functions, AnyObject) throws -> Void
) -> tepui_status {
  guard let instance, let functions else { return TEPUI_INVALID }
  return Unmanaged<AnyObject>.fromOpaque(instance)._withUnsafeGuaranteedRef { object in
    report(error) { try body(functions, object) }
  }
}

/// Lives as long as the process and never changes.
nonisolated(unsafe) private let isolatorTable: UnsafePointer<tepui_isolator>? = immortalArray([
  tepui_isolator(
    size: UInt32(MemoryLayout<tepui_isolator>.size),
    create: { host, node, parameters, count, instance, error in
      guard let host, let node, let instance, let functions else { return TEPUI_INVALID }
      return report(error) {
        let object = try functions.make(Node(raw: node), Parameters(parameters, count: count), Log(host: host))
        instance.pointee = Unmanaged.passRetained(object).toOpaque()
      }
    },
    destroy: { instance in
      if let instance { Unmanaged<AnyObject>.fromOpaque(instance).release() }
    },
    plan: { instance, container, sink, error in
      guard let container, let sink else { return TEPUI_INVALID }
      return call(instance, error) { try $0.plan($1, Container(raw: container), Plan(sink: sink)) }
    })
])

nonisolated(unsafe) private let usageTable: UnsafePointer<tepui_isolator_usage>? = immortalArray([
  tepui_isolator_usage(
    size: UInt32(MemoryLayout<tepui_isolator_usage>.size),
    usage: { instance, container, sink, error in
      guard let container, let sink else { return TEPUI_INVALID }
      return call(instance, error) { try $0.measure?($1, Container(raw: container), Usage(sink: sink)) }
    })
])

nonisolated(unsafe) private let lifecycleTable: UnsafePointer<tepui_isolator_lifecycle>? = immortalArray([
  tepui_isolator_lifecycle(
    size: UInt32(MemoryLayout<tepui_isolator_lifecycle>.size),
    prepare: { act(.prepare, $0, $1, $2) }, isolate: { act(.isolate, $0, $1, $2) },
    recover: { act(.recover, $0, $1, $2) }, cleanup: { act(.cleanup, $0, $1, $2) })
])

private func act(
  _ step: Step, _ instance: UnsafeMutableRawPointer?, _ container: UnsafePointer<tepui_container>?,
  _ error: UnsafeMutablePointer<tepui_error>?
) -> tepui_status {
  guard let container else { return TEPUI_INVALID }
  return call(instance, error) { try $0.act?($1, step, Container(raw: container)) }
}
