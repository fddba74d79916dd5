/// A module of the modules dir or of modules.json, as GET_MODULES lists it.
public struct ModuleStatus: Equatable, Sendable {
  public enum State: String, Sendable {
    /// Opened, active and called.
    case loaded
    /// There, but nothing asked for it, so it was not opened.
    case found
    /// There, but unusable: `reason` says why.
    case refused
  }

  public var path: String
  public var state: State
  /// Of a module that was not opened only what modules.json says of it.
  public var id: String?
  public var kind: ModuleKind?
  public var version = ""
  public var author = ""
  public var licence = ""
  public var summary = ""
  /// The agreed version: `0.9`.
  public var abi = ""
  /// Values in use, defaults included, in the order of the descriptor.
  public var parameters: [Parameter] = []
  public var statistics = ModuleStatistics()
  /// Why it was refused.
  public var reason: String?

  public struct Parameter: Equatable, Sendable {
    public var name: String
    public var value: String
  }
}

extension ModuleStatus {
  init(_ module: LoadedModule) {
    self.init(path: module.path, state: .loaded)
    id = module.id
    kind = module.descriptor.kind
    version = module.descriptor.version
    author = module.descriptor.author
    licence = module.descriptor.licence
    summary = module.descriptor.summary
    abi = module.abi.description
    parameters = module.parameters.map { Parameter(name: $0.name, value: $0.text) }
    statistics = module.statistics.current
  }
}
