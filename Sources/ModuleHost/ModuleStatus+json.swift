import FoundationEssentials

extension ModuleStatus {
  /// What the endpoint /modules answers, in a master as in an agent:
  /// `{"modules": [{"path": …, "state": "loaded", "id": …, "calls": 12, "time_ms": 0.8, …}]}`.
  public static func json(_ modules: [ModuleStatus]) -> [UInt8] {
    struct Answer: Encodable {
      var modules: [Listed]
    }
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Only numbers that are not finite fail to encode; there are none.
    return (try? encoder.encode(Answer(modules: modules.map(Listed.init)))).map { [UInt8]($0) } ?? []
  }

  private struct Listed: Encodable {
    var path: String
    var state: String
    var id: String?
    var kind: String?
    var version: String?
    var author: String?
    var licence: String?
    var summary: String?
    var abi: String?
    var parameters: [String: String]?
    var calls: Int?
    var timeMs: Double?
    var refusals: Int?
    var failures: Int?
    var overruns: Int?
    var reason: String?

    init(_ module: ModuleStatus) {
      path = module.path
      state = module.state.rawValue
      id = module.id
      reason = module.reason
      guard module.state == .loaded else { return }
      kind = module.kind?.rawValue
      version = module.version
      author = module.author
      licence = module.licence
      summary = module.summary
      abi = module.abi
      parameters = Dictionary(module.parameters.map { ($0.name, $0.value) }) { first, _ in first }
      calls = module.statistics.calls
      timeMs = Double(module.statistics.totalNs) / 1e6
      refusals = module.statistics.refusals
      failures = module.statistics.failures
      overruns = module.statistics.overruns
    }
  }
}
