import CTepui
import Logging

/// A module that was opened, has said who it is, and whose function table was found.
final class LoadedModule: Sendable {
  let path: String
  let descriptor: ModuleDescriptor
  let abi: ABIVersion
  /// One for each declared parameter, in the order of the descriptor.
  let parameters: [ParameterValue]
  let host: HostTable
  let statistics = StatisticsCounter()
  private let interface: @convention(c) (tepui_text) -> UnsafeRawPointer?

  var id: String { descriptor.id }

  /// Opens the file of `candidate` and makes sure that it holds what was asked for.
  init(_ candidate: ModuleCandidate, kind: ModuleKind, product: String, version: String, logger: Logger)
    throws(ModuleError)
  {
    let path = candidate.path
    let host = HostTable(product: product, version: version, name: ModuleFile.name(path), logger: logger)
    let (answer, descriptor, interface) = try Self.negotiate(try SharedLibrary.open(path), path: path, host: host)
    guard candidate.isSatisfied(by: descriptor.id) else {
      throw ModuleError(
        .identity,
        "\(path): holds the module \(descriptor.id), but \(candidate.place) wants \(candidate.module); correct one of them"
      )
    }
    guard descriptor.kind == kind else {
      throw ModuleError(
        .kind,
        "\(path): \(descriptor.id) is an \(descriptor.kind.noun), but \(candidate.place) wants an \(kind.noun); name another"
      )
    }
    host.rename(descriptor.id)
    self.path = path
    self.descriptor = descriptor
    self.interface = interface
    self.host = host
    abi = answer
    parameters = try candidate.values(for: descriptor)
  }

  /// A copy of the module's table for an interface; nil if it has none.
  func table<Table, Field>(_ id: String, through last: KeyPath<Table, Field>) throws(ModuleError) -> Table? {
    let memory = BorrowedMemory()
    guard let pointer = withExtendedLifetime(memory, { interface(memory.text(id)) }) else { return nil }
    guard let table: Table = adopt(pointer, through: last) else {
      throw ModuleError(
        .descriptor,
        "\(path): \(self.id): its table for \(id) has a size that leaves out required functions; rebuild it")
    }
    return table
  }

  /// The table that the kind of the module demands.
  func requiredTable<Table, Field>(through last: KeyPath<Table, Field>) throws(ModuleError) -> Table {
    guard let table = try table(descriptor.kind.rawValue, through: last) else {
      throw ModuleError(
        .descriptor,
        "\(path): \(id) says that it is of kind \(descriptor.kind.rawValue) but has no table for it; rebuild it")
    }
    return table
  }

  func missingFunction(_ name: String) -> ModuleError {
    ModuleError(.descriptor, "\(path): \(id): its function \(name) is NULL; rebuild it")
  }

  /// The parameters as `create` gets them.
  ///
  /// - Parameter padding: bytes behind each, as a later ABI may have appended.
  func parameters(in memory: BorrowedMemory, padding: Int = 0) -> UnsafePointer<tepui_parameter>? {
    memory.array(
      parameters.map {
        tepui_parameter(
          size: UInt32(MemoryLayout<tepui_parameter>.size + padding), type: $0.form.rawValue,
          name: memory.text($0.name), text: memory.text($0.text), integer: $0.integer)
      }, padding: padding)
  }

  typealias Interface = @convention(c) (tepui_text) -> UnsafeRawPointer?

  /// The first call into a module: agree on a version of the ABI and get its descriptor.
  static func negotiate(
    _ library: SharedLibrary, path: String, host: HostTable
  ) throws(ModuleError) -> (ABIVersion, ModuleDescriptor, Interface) {
    var module = tepui_module()
    module.size = UInt32(MemoryLayout<tepui_module>.size)
    let answer = callModule { library.entry(host.pointer, &module, $0) }
    guard answer.isDone else {
      throw ModuleError(
        answer.status == TEPUI_UNSUPPORTED ? .abi : .create, "\(path): the module refuses this host: \(answer.reason)")
    }
    let abi = ABIVersion(rawValue: module.abi)
    guard abi >= .oldest, abi <= .newest else {
      let spoken =
        ABIVersion.oldest == .newest ? "\(ABIVersion.newest)" : "\(ABIVersion.oldest) to \(ABIVersion.newest)"
      throw ModuleError(
        .abi, "\(path): speaks ABI \(abi) and this host \(spoken); rebuild the module with this host's SDK")
    }
    guard let descriptor = module.descriptor, let interface = module.interface else {
      let missing = module.descriptor == nil ? "descriptor" : "interface"
      throw ModuleError(.descriptor, "\(path): its entry function leaves \(missing) NULL; rebuild it")
    }
    do {
      return (abi, try ModuleDescriptor(reading: descriptor), interface)
    } catch {
      throw ModuleError(.descriptor, "\(path): not a sound module: \(error.text)")
    }
  }
}

extension ModuleKind {
  /// `allocator` or `isolator`.
  public var noun: String {
    switch self {
    case .allocator: "allocator"
    case .isolator: "isolator"
    }
  }
}
