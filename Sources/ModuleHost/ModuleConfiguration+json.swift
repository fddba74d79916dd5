import FoundationEssentials
import Resources

/// The text of modules.json, decoded strictly: what is not in its reference is an error with its key path.
struct Manifest: Decodable {
  let libraries: [ModuleConfiguration.Library]
  let allocator: ModuleConfiguration.Activation?
  let isolators: [ModuleConfiguration.Activation]

  init(from decoder: any Decoder) throws {
    let object = try StrictObject(decoder, keys: ["libraries", "allocator", "isolators"])
    libraries = try object.optional("libraries", as: [LibraryEntry].self)?.map(\.library) ?? []
    allocator = try object.optional("allocator", as: ActivationEntry.self)?.activation(for: .allocator)
    isolators =
      try object.optional("isolators", as: [ActivationEntry].self)?.map { try $0.activation(for: .isolator) } ?? []
  }

  /// - Parameter located: puts file, line and column in front of a key path.
  static func parse(_ text: [UInt8], _ located: (String) -> String) throws(ModuleError) -> Manifest {
    do {
      return try JSONDecoder().decode(Manifest.self, from: Data(text))
    } catch let error as DecodingError {
      let (path, text) = error.sentence
      throw ModuleError(.configuration, path.isEmpty ? located("") + text : "\(located(path)): \(text)")
    } catch {
      throw ModuleError(.configuration, located("") + "\(error)")
    }
  }
}

private struct LibraryEntry: Decodable {
  let library: ModuleConfiguration.Library

  init(from decoder: any Decoder) throws {
    let object = try StrictObject(decoder, keys: ["file", "name", "modules"])
    let file = try object.optional("file", as: String.self)
    let name = try object.optional("name", as: String.self)
    // Mesos: file wins over name.
    guard let file = file ?? name.map({ "lib\($0).so" }) else {
      throw object.refusal(
        "neither \"file\" (a path, or a file name in the modules dir) nor \"name\" (of lib<name>.so)")
    }
    guard !file.isEmpty, !file.utf8.contains(0) else { throw object.refusal("\"file\" must be a path or a file name") }
    let modules = try object.required("modules", as: [ModuleEntry].self)
    guard let module = modules.first, modules.count == 1 else {
      throw object.refusal("\"modules\" has \(modules.count) entries; a library holds exactly one module")
    }
    library = .init(file: file, module: module.name, parameters: module.parameters, place: object.place)
  }
}

private struct ModuleEntry: Decodable {
  let name: String
  let parameters: [ModuleConfiguration.Parameter]

  init(from decoder: any Decoder) throws {
    let object = try StrictObject(decoder, keys: ["name", "parameters"])
    name = try object.required("name", as: String.self)
    guard ModuleDescriptor.isID(name) else {
      throw object.refusal("\"name\" is \"\(name)\" but must be the module's id, such as org.example.fifo")
    }
    parameters = try object.optional("parameters", as: ParameterList.self)?.parameters ?? []
  }
}

/// Mesos' list of `{"key", "value"}`, or a plain object.
private struct ParameterList: Decodable {
  let parameters: [ModuleConfiguration.Parameter]

  init(from decoder: any Decoder) throws {
    if let object = try? decoder.container(keyedBy: JSONKey.self) {
      parameters = try object.allKeys.sorted { $0.stringValue < $1.stringValue }.map {
        let place = ($0.stringValue, path(object.codingPath + [$0]))
        return .init(key: place.0, value: try object.decode(ParameterText.self, forKey: $0).text, place: place.1)
      }
    } else {
      guard (try? decoder.unkeyedContainer()) != nil else {
        throw refused(decoder.codingPath, "must be an object of values by key, or an array of {\"key\", \"value\"}")
      }
      parameters = try decoder.singleValueContainer().decode([ParameterEntry].self).map(\.parameter)
    }
  }
}

private struct ParameterEntry: Decodable {
  let parameter: ModuleConfiguration.Parameter

  init(from decoder: any Decoder) throws {
    let object = try StrictObject(decoder, keys: ["key", "value"])
    parameter = .init(
      key: try object.required("key", as: String.self),
      value: try object.required("value", as: ParameterText.self).text, place: object.place)
  }
}

/// A parameter's value: Mesos has text only; numbers and booleans are taken for the text that they are.
private struct ParameterText: Decodable {
  let text: String

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if let text = try? value.decode(String.self) {
      self.text = text
    } else if let boolean = try? value.decode(Bool.self) {
      text = boolean ? "true" : "false"
    } else if let integer = try? value.decode(Int64.self) {
      text = "\(integer)"
    } else if let number = try? value.decode(Double.self) {
      text = "\(number)"
    } else {
      throw refused(decoder.codingPath, "must be a string, a number, true or false")
    }
  }
}

/// `"id"` or `{"module": "id", …}`.
private struct ActivationEntry: Decodable {
  let codingPath: [any CodingKey]
  let module: String
  let deadline: String?
  let onFailure: String?

  init(from decoder: any Decoder) throws {
    codingPath = decoder.codingPath
    if let text = try? decoder.singleValueContainer().decode(String.self) {
      (module, deadline, onFailure) = (text, nil, nil)
    } else {
      guard (try? decoder.container(keyedBy: JSONKey.self)) != nil else {
        throw refused(
          codingPath, "must be a module's id, or an object with \"module\", \"deadline\" and \"on_failure\"")
      }
      let object = try StrictObject(decoder, keys: ["module", "deadline", "on_failure"])
      module = try object.required("module", as: String.self)
      deadline = try object.optional("deadline", as: String.self)
      onFailure = try object.optional("on_failure", as: String.self)
    }
    guard !module.isEmpty else { throw refused(codingPath, "must be a module's id, such as org.example.fifo") }
  }

  func activation(for kind: ModuleKind) throws -> ModuleConfiguration.Activation {
    var activation = ModuleConfiguration.Activation(module: module, place: path(codingPath))
    if let deadline {
      guard let ns = DurationText.nanoseconds(deadline), ns > 0 else {
        throw refused(
          codingPath + [JSONKey("deadline")], "\"\(deadline)\" is no duration above 0 (such as 250ms or 5secs)")
      }
      activation.deadlineNs = ns
    }
    if let onFailure {
      let allowed: [ModuleConfiguration.FailurePolicy] =
        kind == .allocator ? [.continue, .suspend] : [.fail, .continue]
      guard let policy = allowed.first(where: { $0.rawValue == onFailure }) else {
        throw refused(
          codingPath + [JSONKey("on_failure")],
          "\"\(onFailure)\" must be \(allowed.map { "\"\($0.rawValue)\"" }.joined(separator: " or "))")
      }
      activation.onFailure = policy
    }
    return activation
  }
}

/// A JSON object of which all keys are known.
private struct StrictObject {
  private let container: KeyedDecodingContainer<JSONKey>

  init(_ decoder: any Decoder, keys: [String]) throws {
    container = try decoder.container(keyedBy: JSONKey.self)
    let unknown = container.allKeys.filter { !keys.contains($0.stringValue) }.min { $0.stringValue < $1.stringValue }
    if let unknown {
      throw refused(
        container.codingPath + [unknown], "unknown key; allowed are \(keys.joined(separator: ", "))")
    }
  }

  var place: String { path(container.codingPath) }

  func optional<Value: Decodable>(_ key: String, as type: Value.Type) throws -> Value? {
    try container.decodeIfPresent(type, forKey: JSONKey(key))
  }

  func required<Value: Decodable>(_ key: String, as type: Value.Type) throws -> Value {
    guard let value = try optional(key, as: type) else { throw refusal("\"\(key)\" is missing") }
    return value
  }

  func refusal(_ text: String) -> DecodingError {
    DecodingError.dataCorrupted(.init(codingPath: container.codingPath, debugDescription: text))
  }
}

private struct JSONKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }
  init(_ string: String) { stringValue = string }
  init?(stringValue: String) { self.init(stringValue) }
  init?(intValue: Int) { nil }
}

/// An error about the value at a key path.
private func refused(_ codingPath: [any CodingKey], _ text: String) -> DecodingError {
  DecodingError.dataCorrupted(.init(codingPath: codingPath, debugDescription: text))
}

/// `libraries[0].modules[0].name`
private func path(_ codingPath: [any CodingKey]) -> String {
  codingPath.reduce(into: "") { path, key in
    if let index = key.intValue {
      path += "[\(index)]"
    } else {
      path += path.isEmpty ? key.stringValue : ".\(key.stringValue)"
    }
  }
}

extension DecodingError {
  /// Where it is, and what is wrong.
  fileprivate var sentence: (path: String, text: String) {
    switch self {
    case .typeMismatch(let type, let context): (path(context.codingPath), "must be \(Self.name(of: type))")
    case .valueNotFound(let type, let context): (path(context.codingPath), "must be \(Self.name(of: type)), not null")
    case .keyNotFound(let key, let context): (path(context.codingPath), "\"\(key.stringValue)\" is missing")
    case .dataCorrupted(let context): (path(context.codingPath), context.debugDescription)
    @unknown default: ("", "\(self)")
    }
  }

  private static func name(of type: any Any.Type) -> String {
    if type == String.self { return "a string" }
    return "\(type)".hasPrefix("Array") ? "an array" : "an object"
  }
}
