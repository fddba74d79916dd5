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

  static func parse(_ text: [UInt8], source: String) throws(ModuleError) -> Manifest {
    do {
      return try JSONDecoder().decode(Manifest.self, from: Data(text))
    } catch let error as DecodingError {
      throw ModuleError(.configuration, "\(source): \(error.sentence)")
    } catch {
      throw ModuleError(.configuration, "\(source): \(error)")
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
      throw refusal(decoder.codingPath, "must be a string, a number, true or false")
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
      let object = try StrictObject(decoder, keys: ["module", "deadline", "on_failure"])
      module = try object.required("module", as: String.self)
      deadline = try object.optional("deadline", as: String.self)
      onFailure = try object.optional("on_failure", as: String.self)
    }
    guard !module.isEmpty else { throw refusal(codingPath, "must be a module's id, such as org.example.fifo") }
  }

  func activation(for kind: ModuleKind) throws -> ModuleConfiguration.Activation {
    var activation = ModuleConfiguration.Activation(module: module, place: path(codingPath))
    if let deadline {
      guard let ns = DurationText.nanoseconds(deadline), ns > 0 else {
        throw refusal(
          codingPath + [JSONKey("deadline")], "\"\(deadline)\" is no duration above 0 (such as 250ms or 5secs)")
      }
      activation.deadlineNs = ns
    }
    if let onFailure {
      let allowed: [ModuleConfiguration.FailurePolicy] =
        kind == .allocator ? [.continue, .suspend] : [.fail, .continue]
      guard let policy = allowed.first(where: { $0.rawValue == onFailure }) else {
        throw refusal(
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
    let unknown = container.allKeys.map(\.stringValue).filter { !keys.contains($0) }.min()
    if let unknown { throw refusal("unknown key \"\(unknown)\"; allowed are \(keys.joined(separator: ", "))") }
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

private func refusal(_ codingPath: [any CodingKey], _ text: String) -> DecodingError {
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
  /// What is wrong and where.
  fileprivate var sentence: String {
    switch self {
    case .typeMismatch(let type, let context): return at(context, "must be \(Self.name(of: type))")
    case .valueNotFound(let type, let context): return at(context, "must be \(Self.name(of: type)), not null")
    case .keyNotFound(let key, let context): return at(context, "\"\(key.stringValue)\" is missing")
    case .dataCorrupted(let context):
      // The decoder tells a syntax error from ours by its empty path only, and does not say where it stumbled.
      return context.codingPath.isEmpty && context.debugDescription == "The given data was not valid JSON."
        ? "is not valid JSON; `python3 -m json.tool` or `jq .` on it shows the place"
        : at(context, context.debugDescription)
    @unknown default: return "\(self)"
    }
  }

  private func at(_ context: Context, _ text: String) -> String {
    context.codingPath.isEmpty ? text : "\(path(context.codingPath)): \(text)"
  }

  private static func name(of type: any Any.Type) -> String {
    if type == String.self { return "a string" }
    return "\(type)".hasPrefix("Array") ? "an array" : "an object"
  }
}
