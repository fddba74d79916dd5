import Logging
import Synchronization

/// Finds, checks and loads modules.
///
/// Make one at the start of a daemon and load what it needs; `modules` may be asked from any thread at any time. What
/// was not asked for is listed and never opened, and what was opened is never closed.
public final class ModuleHost: Sendable {
  private let product: String
  private let version: String
  /// Where modules without a path are, and what relative paths are relative to.
  private let directory: String?
  private let configuration: ModuleConfiguration
  private let logger: Logger
  private let state = Mutex(State())

  private struct State {
    var loaded: [LoadedModule] = []
    var refused: [String: String] = [:]
  }

  /// - Parameters:
  ///   - product: `tepui-master` or `tepui-agent`; modules see it.
  ///   - directory: flag `--modules_dir`: shared libraries and, if there is one, a modules.json.
  ///   - configuration: flag `--modules`: JSON, or the path or file:// URL of a file to use in place of the
  ///     directory's modules.json.
  public init(product: String, version: String, directory: String?, configuration: String?, logger: Logger)
    throws(ModuleError)
  {
    let directory = directory.map { $0.count > 1 && $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
    if let directory, case .failure(let problem) = ModuleFile.libraries(in: directory) {
      throw ModuleError(
        .configuration, "--modules_dir: \(directory): \(problem.text); it must be a directory with modules (*.so)")
    }
    let found = try ModuleConfiguration.find(flag: configuration, directory: directory)
    self.product = product
    self.version = version
    self.directory = found.base
    self.configuration = found.0
    self.logger = logger
  }

  /// The policy: `named` (flag `--allocator`), else the one of modules.json.
  ///
  /// A name is a module's id, or the last word of it: `fifo` for `org.example.fifo`.
  public func loadAllocator(named name: String?) throws(ModuleError) -> LoadedAllocator {
    let activation: ModuleConfiguration.Activation
    if let name {
      activation = chosen(name, flag: "--allocator", among: configuration.allocator.map { [$0] } ?? [])
    } else if let configured = configuration.allocator {
      activation = configured
    } else {
      throw ModuleError(
        .noAllocator,
        "no allocator is configured: put \"allocator\": \"<module id>\" into \(configurationPlace) or start with "
          + "--allocator=<module>; \(inventory)")
    }
    let module = try load(activation, kind: .allocator)
    return try keep(module) { module throws(ModuleError) in try LoadedAllocator(module, activation: activation) }
  }

  /// The isolators in order: `names` (flag `--isolation`), else those of modules.json; none if neither says anything.
  public func loadIsolators(named names: [String]?, node: NodeDescription) throws(ModuleError) -> [LoadedIsolator] {
    var isolators: [LoadedIsolator] = []
    for activation in names.map(activations) ?? configuration.isolators {
      let module = try load(activation, kind: .isolator)
      guard !isolators.contains(where: { $0.id == module.id }) else {
        throw configuration.refusal(activation.place, "the isolator \(module.id) is named twice; name it once")
      }
      isolators.append(
        try keep(module) { module throws(ModuleError) in
          try LoadedIsolator(module, node: node, activation: activation)
        })
    }
    return isolators
  }

  /// All modules of the directory and of modules.json: loaded, found or refused.
  public var modules: [ModuleStatus] {
    let (loaded, refused) = state.withLock { ($0.loaded, $0.refused) }
    var listed = loaded.map { ModuleStatus($0) }
    for path in foundPaths where !listed.contains(where: { $0.path == path }) {
      var status = ModuleStatus(path: path, state: .found)
      status.id = configuration.libraries.first { self.path(of: $0) == path }?.module
      let problem = ModuleFile.permissionProblem(path)?.text ?? ModuleFile.inspect(path)?.text
      if let reason = refused[path] ?? problem.map({ "\(path): \($0)" }) {
        status.state = .refused
        status.reason = reason
      }
      listed.append(status)
    }
    return listed.sorted { $0.path < $1.path }
  }
}

extension ModuleHost {
  /// Loads what an activation names. A refusal stays in the list of modules.
  private func load(_ activation: ModuleConfiguration.Activation, kind: ModuleKind) throws(ModuleError) -> LoadedModule
  {
    let candidate = try resolve(activation)
    do throws(ModuleError) {
      if let problem = ModuleFile.permissionProblem(candidate.path) { throw ModuleError(.permissions, problem.text) }
      if let problem = ModuleFile.inspect(candidate.path) {
        throw ModuleError(.file, "\(candidate.path): \(problem.text)")
      }
      return try LoadedModule(candidate, kind: kind, product: product, version: version, logger: logger)
    } catch {
      state.withLock { $0.refused[candidate.path] = error.message }
      throw error
    }
  }

  private func keep<Adapter>(
    _ module: LoadedModule, _ makeAdapter: (LoadedModule) throws(ModuleError) -> Adapter
  ) throws(ModuleError) -> Adapter {
    do throws(ModuleError) {
      let adapter = try makeAdapter(module)
      state.withLock { $0.loaded.append(module) }
      module.host.write(.info, "loaded \(module.descriptor.version), ABI \(module.abi), from \(module.path)")
      return adapter
    } catch {
      state.withLock { $0.refused[module.path] = error.message }
      throw error
    }
  }

  /// The file in which a module should be: that of the library entry with its id or with its last word, else
  /// `lib<last word>.so` in the modules dir.
  private func resolve(_ activation: ModuleConfiguration.Activation) throws(ModuleError) -> ModuleCandidate {
    let name = activation.module
    var matches = configuration.libraries.filter { $0.module == name }
    if matches.isEmpty && !name.contains(".") {
      matches = configuration.libraries.filter { ModuleName.lastWord($0.module) == name }
    }
    guard matches.count <= 1 else {
      throw configuration.refusal(
        activation.place, "\"\(name)\" may be \(matches.map(\.module).joined(separator: " or ")); give the whole id")
    }
    if let library = matches.first {
      guard let path = path(of: library) else {
        throw configuration.refusal(
          library.place, "\(library.file) is no absolute path and there is no modules dir; give --modules_dir")
      }
      guard ModuleFile.exists(path) else {
        throw configuration.refusal(library.place, "there is no file \(path); \(inventory)", code: .notFound)
      }
      return ModuleCandidate(
        path: path, module: library.module, parameters: library.parameters, place: activation.place)
    }
    if let directory, !name.contains("/") {
      let path = "\(directory)/lib\(ModuleName.lastWord(name)).so"
      if ModuleFile.exists(path) {
        return ModuleCandidate(path: path, module: name, parameters: [], place: activation.place)
      }
    }
    throw configuration.refusal(activation.place, "there is no module \"\(name)\"; \(inventory)", code: .notFound)
  }

  private func path(of library: ModuleConfiguration.Library) -> String? {
    if library.file.hasPrefix("/") { return library.file }
    return directory.map { "\($0)/\(library.file)" }
  }

  private var foundPaths: [String] {
    let listed = directory.flatMap { try? ModuleFile.libraries(in: $0).get() } ?? []
    return Set(listed + configuration.libraries.compactMap(path)).sorted()
  }

  /// An activation by flag. What modules.json says of the same module's deadline and failures stays valid.
  private func chosen(
    _ name: String, flag: String, among configured: [ModuleConfiguration.Activation]
  ) -> ModuleConfiguration.Activation {
    let same = configured.first { ModuleName.lastWord($0.module) == ModuleName.lastWord(name) }
    return .init(module: name, deadlineNs: same?.deadlineNs, onFailure: same?.onFailure, place: flag)
  }

  /// The activations of `--isolation`. Several of Mesos' names may mean one module.
  private func activations(_ names: [String]) -> [ModuleConfiguration.Activation] {
    var activations: [ModuleConfiguration.Activation] = []
    for name in names {
      var module: String?
      switch ModuleName.ofMesosIsolation(name) {
      case .module(let named):
        module = named
        logger.warning("--isolation: \(name) is Mesos' name; the module \(named) does its work here")
        if activations.contains(where: { $0.module == named }) { continue }
      case .nothing(let reason):
        logger.warning("--isolation: \(name) is Mesos' name and does nothing here: \(reason)")
        continue
      case nil: break
      }
      activations.append(chosen(module ?? name, flag: "--isolation", among: configuration.isolators))
    }
    return activations
  }

  private var configurationPlace: String {
    configuration.source.hasPrefix("--") ? "modules.json of the --modules_dir" : configuration.source
  }

  /// What there is, for a message.
  private var inventory: String {
    guard let directory else { return "there is no modules dir; give --modules_dir" }
    let names = foundPaths.map { $0.hasPrefix("\(directory)/") ? ModuleFile.name($0) : $0 }
    return "\(directory) has " + (names.isEmpty ? "no modules (*.so)" : names.joined(separator: ", "))
  }
}
