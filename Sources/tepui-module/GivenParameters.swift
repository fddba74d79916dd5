import ArgumentParser

/// `--parameter KEY=VALUE`: as in modules.json, for a module that shall not run with its defaults.
struct GivenParameters: ParsableArguments {
  @Option(help: ArgumentHelp("A parameter of the module; may be repeated.", valueName: "key=value"))
  var parameter: [String] = []

  func validate() throws {
    for text in parameter where !text.contains("=") || text.hasPrefix("=") {
      throw ValidationError("--parameter must be KEY=VALUE; it is \"\(text)\"")
    }
  }

  var values: [String: String] {
    let pairs = parameter.map { $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false) }
    return Dictionary(pairs.map { (String($0[0]), String($0.last ?? "")) }) { $1 }
  }

  /// Refuses, once and before anything is played, what none of these modules has.
  func requireKnown(by modules: [Identity]) throws {
    let known = modules.map { Set($0.parameters.map(\.name)) }
    for key in values.keys.sorted() where !known.contains(where: { $0.contains(key) }) {
      let whose = modules.count == 1 ? "\(modules[0].id) has no such" : "none of these modules has such a"
      throw ValidationError("--parameter \(key): \(whose) parameter")
    }
  }

  /// The same, for a process that does the work.
  var arguments: [String] { parameter.flatMap { ["--parameter", $0] } }
}
