import CTepui

/// The two kinds of module; the raw value is the id of the kind's function table.
public enum ModuleKind: String, Sendable {
  case allocator = "tepui.allocator/1"
  case isolator = "tepui.isolator/1"
}

/// Who a module says it is: its descriptor, checked and copied.
public struct ModuleDescriptor: Equatable, Sendable {
  public let id: String
  public let kind: ModuleKind
  public let version: String
  public let author: String
  public let licence: String
  public let summary: String
  public let parameters: [ParameterSpecification]

  /// What breaks the rules of module.h.
  struct Defect: Error {
    let text: String
    init(_ text: String) { self.text = text }
  }

  init(reading pointer: UnsafePointer<tepui_descriptor>) throws(Defect) {
    guard let raw: tepui_descriptor = adopt(pointer, through: \.kind) else {
      throw Defect("its descriptor has size \(pointer.pointee.size) and so neither an id nor a kind")
    }
    id = try Self.text(raw.id, "id")
    guard Self.isID(id) else {
      throw Defect(
        "its id \"\(id)\" is not in reverse DNS form (lower case letters, digits, '-' and '.': org.example.fifo)")
    }
    let kind = try Self.text(raw.kind, "kind")
    guard let known = ModuleKind(rawValue: kind) else {
      throw Defect("its kind is \"\(kind)\"; this host knows \(TEPUI_ALLOCATOR_1) and \(TEPUI_ISOLATOR_1)")
    }
    self.kind = known
    version = try Self.text(raw.version, "version")
    author = try Self.text(raw.author, "author")
    licence = try Self.text(raw.licence, "licence")
    summary = try Self.text(raw.summary, "summary")
    parameters = try Self.parameters(raw)
  }

  private static func parameters(_ raw: tepui_descriptor) throws(Defect) -> [ParameterSpecification] {
    guard raw.parameter_count > 0 else { return [] }
    guard raw.parameter_count <= 256 else {
      throw Defect("it declares \(raw.parameter_count) parameters, more than 256")
    }
    guard let start = raw.parameters else { throw Defect("it declares parameters but its table of them is NULL") }
    guard let specs: [tepui_parameter_spec] = adoptArray(start, count: raw.parameter_count, through: \.initial) else {
      throw Defect("its parameter specs have size \(start.pointee.size) and so no default value")
    }
    var parameters: [ParameterSpecification] = []
    for spec in specs {
      let parameter = try ParameterSpecification(spec)
      guard !parameters.contains(where: { $0.name == parameter.name }) else {
        throw Defect("it declares the parameter \"\(parameter.name)\" twice")
      }
      parameters.append(parameter)
    }
    return parameters
  }

  static func text(_ text: tepui_text, _ what: String) throws(Defect) -> String {
    guard let string = String(text) else { throw Defect("its \(what) is not a text (UTF-8 without zero bytes)") }
    return string
  }

  /// Two or more words of a-z, 0-9 and '-', joined by '.'.
  static func isID(_ text: String) -> Bool {
    let words = text.split(separator: ".", omittingEmptySubsequences: false)
    return words.count >= 2 && text.utf8.count <= 255
      && words.allSatisfy { !$0.isEmpty && $0.allSatisfy { "a"..."z" ~= $0 || "0"..."9" ~= $0 || $0 == "-" } }
  }
}

extension ParameterSpecification {
  init(_ spec: tepui_parameter_spec) throws(ModuleDescriptor.Defect) {
    typealias Defect = ModuleDescriptor.Defect
    let name = try ModuleDescriptor.text(spec.name, "parameter name")
    guard let first = name.first, "a"..."z" ~= first,
      name.allSatisfy({ "a"..."z" ~= $0 || "0"..."9" ~= $0 || $0 == "_" })
    else { throw Defect("its parameter \"\(name)\" is not named in lower case letters, digits and '_'") }
    guard let form = Form(rawValue: spec.type) else {
      throw Defect("its parameter \"\(name)\" has the type \(spec.type), which this host does not know")
    }
    self.name = name
    self.form = form
    initial = try ModuleDescriptor.text(spec.initial, "default of the parameter \"\(name)\"")
    help = try ModuleDescriptor.text(spec.help, "help of the parameter \"\(name)\"")
    // Both ends 0, the value of fields left out of a C initializer, is no range.
    let hasRange = form != .text && form != .boolean && (spec.minimum, spec.maximum) != (0, 0)
    guard !hasRange || spec.minimum <= spec.maximum else {
      throw Defect("its parameter \"\(name)\" has a minimum above its maximum")
    }
    range = hasRange ? spec.minimum...spec.maximum : nil
    var allowed: [String] = []
    if let start = spec.allowed {
      for text in UnsafeBufferPointer(start: start, count: Int(min(spec.allowed_count, 256))) {
        allowed.append(try ModuleDescriptor.text(text, "list of values allowed for the parameter \"\(name)\""))
      }
    }
    self.allowed = allowed
    guard value(initial) != nil else {
      throw Defect("the default \"\(initial)\" of its parameter \"\(name)\" is not allowed (\(allowedValues))")
    }
  }
}
