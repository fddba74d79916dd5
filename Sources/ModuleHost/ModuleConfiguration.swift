/// What modules.json says: where modules are, their parameters, and which of them are active.
///
/// A superset of Mesos' `--modules` manifest; SDK/README.md is its reference.
struct ModuleConfiguration: Equatable, Sendable {
  /// Where it was written, for messages: a path, or `--modules`.
  var source: String
  var libraries: [Library] = []
  var allocator: Activation?
  var isolators: [Activation] = []

  /// A shared library and the one module in it.
  struct Library: Equatable, Sendable {
    /// A path, or a file name to be found in the modules dir.
    var file: String
    /// The module's id.
    var module: String
    var parameters: [Parameter]
    /// Where it is written: `modules.json:2:16: libraries[0]`.
    var place: String
  }

  struct Parameter: Equatable, Sendable {
    var key: String
    var value: String
    var place: String
  }

  /// A module that is to be used.
  struct Activation: Equatable, Sendable {
    /// An id, or the last word of one.
    var module: String
    var deadlineNs: Int64?
    var onFailure: FailurePolicy?
    /// Where it is written, or a flag.
    var place: String

    fileprivate func located(_ located: (String) -> String) -> Self {
      var activation = self
      activation.place = located(place)
      return activation
    }
  }

  /// What happens when an active module fails.
  enum FailurePolicy: String, Sendable, CaseIterable {
    /// Allocator: grants made so far stand and the next cycle comes as usual. Isolator: the container does without it.
    case `continue`
    /// Isolators only: the launch fails.
    case fail
    /// Allocators only: the module is asked no more until the master restarts.
    case suspend
  }
}

extension ModuleConfiguration {
  /// Reads `text`, which came from `source`.
  init(json text: [UInt8], source: String) throws(ModuleError) {
    let places: JSONPlaces
    do throws(JSONPlaces.Problem) {
      places = try JSONPlaces(text)
    } catch {
      throw ModuleError(.configuration, "\(source):\(error.place): \(error.text)")
    }
    func located(_ path: String) -> String { "\(source):\(places.place(of: path)): \(path)" }
    let manifest = try Manifest.parse(text, located)
    self.init(source: source)
    libraries = manifest.libraries.map { library in
      var library = library
      library.place = located(library.place)
      for index in library.parameters.indices {
        library.parameters[index].place = located(library.parameters[index].place)
      }
      return library
    }
    allocator = manifest.allocator?.located(located)
    isolators = manifest.isolators.map { $0.located(located) }
    try refuseDuplicates()
  }

  private func refuseDuplicates() throws(ModuleError) {
    for (index, library) in libraries.enumerated() {
      if let first = libraries[..<index].first(where: { $0.module == library.module }) {
        let place = libraries.firstIndex(of: first) ?? 0
        throw refusal(
          library.place,
          "a second module \(library.module): \(first.file) of libraries[\(place)] is one already; keep one of the two")
      }
      for (index, parameter) in library.parameters.enumerated()
      where library.parameters[..<index].contains(where: { $0.key == parameter.key }) {
        throw refusal(parameter.place, "the parameter \"\(parameter.key)\" is given twice; keep one of the two")
      }
    }
  }

  /// An error about what is written at a place.
  func refusal(_ place: String, _ text: String, code: ModuleError.Code = .configuration) -> ModuleError {
    ModuleError(code, "\(place): \(text)")
  }
}

extension ModuleConfiguration {
  static let fileName = "modules.json"

  /// `--modules` holds JSON itself or names a file; without it there may be a modules.json in the modules dir.
  static func find(flag: String?, directory: String?) throws(ModuleError) -> (Self, base: String?) {
    if let flag {
      if flag.first(where: { !$0.isWhitespace }) == "{" {
        return (try Self(json: Array(flag.utf8), source: "--modules"), directory)
      }
      let path = flag.hasPrefix("file://") ? String(flag.dropFirst(7)) : flag
      return (try read(path), directory ?? ModuleFile.parent(path))
    }
    guard let directory else { return (Self(source: "--modules"), nil) }
    let path = "\(directory)/\(fileName)"
    return (ModuleFile.exists(path) ? try read(path) : Self(source: path), directory)
  }

  private static func read(_ path: String) throws(ModuleError) -> Self {
    switch ModuleFile.content(path, limit: 1 << 20) {
    case .success(let bytes): return try Self(json: bytes, source: path)
    case .failure(let problem):
      throw ModuleError(.configuration, "\(path): \(problem.text); --modules takes JSON or the path of a file with it")
    }
  }
}
