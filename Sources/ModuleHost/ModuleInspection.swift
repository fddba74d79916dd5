import CTepui
import Logging

/// One module file looked at on its own, without a daemon: for tools and for tests of modules.
///
/// The file is opened as a daemon opens it and asked who it is. It stays open, as every module does.
public final class ModuleInspection: Sendable {
  public let path: String
  public let descriptor: ModuleDescriptor
  /// The agreed version: `0.9`.
  public let abi: String

  /// The newest version that this host speaks, as `TEPUI_ABI`.
  public static let newestABI = ABIVersion.newest.rawValue
  /// The same as text: `0.9`.
  public static let newestABIText = ABIVersion.newest.description

  private let library: SharedLibrary
  private let product: String
  private let logger: Logger

  /// - Parameter product: what the module is told of the host: `tepui-module`.
  public init(_ path: String, product: String, logger: Logger) throws(ModuleError) {
    // The linker looks elsewhere for a name without a slash.
    let path = path.contains("/") ? path : "./\(path)"
    if let problem = ModuleFile.inspect(path) { throw ModuleError(.file, "\(path): \(problem.text)") }
    self.path = path
    self.product = product
    self.logger = logger
    library = try SharedLibrary.open(path)
    let host = HostTable(product: product, version: "", name: ModuleFile.name(path), logger: logger)
    let (abi, descriptor, _) = try LoadedModule.negotiate(library, path: path, host: host)
    self.abi = abi.description
    self.descriptor = descriptor
  }

  /// Functions and data that the file lets everybody see; of a module it should be the entry function alone. Empty when
  /// the file has no table of them.
  public var exportedSymbols: [String] { ModuleFile.exportedSymbols(path) }

  /// A new instance of the policy.
  ///
  /// - Parameters:
  ///   - parameters: as in modules.json; defaults stand for the rest.
  ///   - padding: bytes that a later ABI may have appended to every parameter.
  public func makeAllocator(
    _ parameters: [String: String] = [:], padding: Int = 0
  ) throws(ModuleError) -> LoadedAllocator {
    try LoadedAllocator(try load(parameters), activation: .byTool, padding: padding)
  }

  /// A new instance of the isolator; see `makeAllocator`.
  public func makeIsolator(
    _ parameters: [String: String] = [:], node: NodeDescription, padding: Int = 0
  ) throws(ModuleError) -> LoadedIsolator {
    try LoadedIsolator(try load(parameters), node: node, activation: .byTool, padding: padding)
  }

  private func load(_ parameters: [String: String]) throws(ModuleError) -> LoadedModule {
    let given = parameters.sorted { $0.key < $1.key }.map {
      ModuleConfiguration.Parameter(key: $0.key, value: $0.value, place: "parameters: \($0.key)")
    }
    let candidate = ModuleCandidate(
      path: path, module: descriptor.id, parameters: given, place: "this tool")
    return try LoadedModule(candidate, kind: descriptor.kind, product: product, version: "", logger: logger)
  }

  /// What the entry function answers a host that speaks the versions from `oldest` to `newest` (`TEPUI_ABI`).
  ///
  /// - Parameter extraBytes: how much larger than known today both structs say they are, as in a later host.
  public func answer(toHostOf oldest: UInt32, _ newest: UInt32, extraBytes: Int = 0) -> EntryAnswer {
    let host = HostTable(product: product, version: "", name: ModuleFile.name(path), logger: logger)
    let padded = PaddedCopy(of: host.pointer.pointee, extraBytes: extraBytes)
    padded.value.pointee.size = UInt32(MemoryLayout<tepui_host>.size + extraBytes)
    padded.value.pointee.abi_oldest = oldest
    padded.value.pointee.abi_newest = newest
    let module = PaddedCopy(of: tepui_module(), extraBytes: extraBytes)
    module.value.pointee.size = UInt32(MemoryLayout<tepui_module>.size + extraBytes)
    let answer = callModule { library.entry(padded.value, module.value, $0) }
    let interface = answer.isDone ? module.value.pointee.interface : nil
    let memory = BorrowedMemory()
    return EntryAnswer(
      status: answer.status, text: answer.text, abi: module.value.pointee.abi,
      hasTableForUnknownID: interface.map { $0(memory.text("org.example.no-such-table/1")) != nil } ?? false,
      hasTableForEmptyID: interface.map { $0(tepui_text()) != nil } ?? false)
  }

  public struct EntryAnswer: Equatable, Sendable {
    public let status: Int32
    public let text: String
    public let abi: UInt32
    public let hasTableForUnknownID: Bool
    public let hasTableForEmptyID: Bool
  }
}

/// A struct with memory behind it that is not zero, as a larger one of a later version has.
private final class PaddedCopy<Struct> {
  let value: UnsafeMutablePointer<Struct>
  private let memory: UnsafeMutableRawPointer

  init(of original: Struct, extraBytes: Int) {
    let size = MemoryLayout<Struct>.size + extraBytes
    memory = .allocate(byteCount: size, alignment: MemoryLayout<Struct>.alignment)
    memory.initializeMemory(as: UInt8.self, repeating: 0xAA, count: size)
    value = memory.bindMemory(to: Struct.self, capacity: 1)
    value.initialize(to: original)
  }

  deinit { memory.deallocate() }
}

extension ModuleConfiguration.Activation {
  fileprivate static var byTool: Self { .init(module: "", deadlineNs: .max, onFailure: nil, place: "this tool") }
}
