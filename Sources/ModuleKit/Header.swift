/// A header of the SDK, taken apart: what it declares, with the comments that go with it.
///
/// It knows the form that the headers of the SDK have, not C.
public struct Header: Sendable {
  public enum Declaration: Equatable, Sendable {
    /// Begins a part of the header.
    case section(String)
    /// Belongs to what follows as a whole.
    case paragraph(String)
    case constant(name: String, value: String, comment: String)
    /// A macro with arguments, an inline function, or the exported one.
    case function(name: String, signature: String, comment: String)
    case type(name: String, original: String, comment: String)
    case structure(name: String, fields: [Field], comment: String)
  }

  public struct Field: Equatable, Sendable {
    public var name: String
    /// Its type, or all of a function pointer.
    public var type: String
    public var isFunction: Bool
    public var comment: String
  }

  /// What stands above everything.
  public private(set) var introduction = ""
  public private(set) var declarations: [Declaration] = []
  /// Lines that it could make nothing of; there should be none.
  public private(set) var unread: [String] = []

  private var lines: [Substring]
  private var next = 0
  private var comment = ""

  public init(_ text: String) {
    lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    while next < lines.count { readTopLevel() }
    if case .paragraph(let text)? = declarations.first {
      introduction = text
      declarations.removeFirst()
    }
  }

  /// Every name that a module may use: `TEPUI_OK`, `tepui_host`, `tepui_host.log`.
  public var names: [String] {
    declarations.flatMap { declaration in
      switch declaration {
      case .section, .paragraph: [String]()
      case .constant(let name, _, _), .function(let name, _, _), .type(let name, _, _): [name]
      case .structure(let name, let fields, _): [name] + fields.map { "\(name).\($0.name)" }
      }
    }
  }
}

extension Header {
  private mutating func take() -> Substring {
    defer { next += 1 }
    return lines[next]
  }

  private mutating func readTopLevel() {
    let line = take()
    if line.isEmpty {
      keepComment()
    } else if line.hasPrefix("/* ---- ") {
      declarations.append(.section(String(line.dropFirst(8).prefix { $0 != "-" }.dropLast())))
    } else if line.hasPrefix("/*") {
      comment = readComment(line)
    } else if line.hasPrefix("#define ") {
      readDefinition(line)
    } else if line.hasPrefix("#if defined") {
      // How compilers are told of what C does not know; nothing that a module uses.
      while next < lines.count {
        let line = take()
        if line == "#endif" { break }
        if line != "#else" && !line.hasPrefix("#define TEPUI_") { unread.append(String(line)) }
      }
    } else if line.hasPrefix("typedef struct ") && line.hasSuffix("{") {
      readStructure(name: String(line.dropFirst(15).dropLast(2)))
    } else if line.hasPrefix("typedef ") {
      let words = line.dropFirst(8).prefix { $0 != ";" }.split(separator: " ")
      let original = words.dropLast().joined(separator: " ")
      declarations.append(.type(name: String(words.last ?? ""), original: original, comment: takeComment(line)))
    } else if line.hasPrefix("static inline ") || line.hasPrefix("TEPUI_EXPORT ") {
      readFunction(line)
    } else if !Self.passedOver.contains(where: { line.hasPrefix($0) }) && line != "}" {
      unread.append(String(line))
    }
  }

  /// What declares nothing: the frame of a header, and what compilers are told of the function below.
  private static let passedOver = ["#ifndef ", "#ifdef ", "#include ", "#endif", "extern \"C\" {", "TEPUI_PRINTF("]

  /// A comment that ends in this line or in a later one, as plain text.
  private mutating func readComment(_ first: Substring) -> String {
    var text = [first.trimmed.dropFirst(2)]
    while !(text.last ?? "").contains("*/"), next < lines.count { text.append(take()) }
    return text.map { line in
      var line = line.trimmed
      if line.hasSuffix("*/") { line = line.dropLast(2) }
      if line.hasPrefix("*") { line = line.dropFirst() }
      return String(line.hasPrefix(" ") ? line.dropFirst() : line).trimmedRight
    }.joined(separator: "\n").trimmedLines
  }

  /// A comment that nothing follows at once is about what comes later.
  private mutating func keepComment() {
    if !comment.isEmpty { declarations.append(.paragraph(comment)) }
    comment = ""
  }

  /// The comment above, or the one behind.
  private mutating func takeComment(_ line: Substring) -> String {
    defer { comment = "" }
    guard let start = line.range(of: "/*") else { return comment }
    let behind = readComment(line[start.lowerBound...])
    return comment.isEmpty ? behind : "\(comment)\n\(behind)"
  }

  private mutating func readDefinition(_ line: Substring) {
    let text = line.dropFirst(8)
    let name = text.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    let rest = text.dropFirst(name.count)
    if rest.hasPrefix("(") {
      let arguments = rest.prefix { $0 != ")" } + ")"
      declarations.append(
        .function(name: String(name), signature: "\(name)\(arguments)", comment: takeComment("")))
      var last = line
      while last.hasSuffix("\\"), next < lines.count { last = take() }
    } else if !rest.trimmed.isEmpty {
      let behind = rest.range(of: "/*")
      // With a comment of its own, what stands above is about it and its neighbours.
      if behind != nil { keepComment() }
      let value = behind.map { rest[..<$0.lowerBound] } ?? rest
      declarations.append(
        .constant(name: String(name), value: String(value.trimmed), comment: takeComment(line)))
    }
  }

  private mutating func readFunction(_ first: Substring) {
    var signature = String(first)
    while !signature.contains("{") && !signature.hasSuffix(";"), next < lines.count {
      signature += " " + take().trimmed
    }
    let hasBody = signature.contains("{")
    if hasBody, !signature.hasSuffix("}") { while next < lines.count, take() != "}" {} }
    for prefix in ["static inline ", "TEPUI_EXPORT "] where signature.hasPrefix(prefix) {
      signature.removeFirst(prefix.count)
    }
    signature = String(signature.prefix { $0 != "{" && $0 != ";" }).trimmedRight
    let name = signature.prefix { $0 != "(" }.split { $0 == " " || $0 == "*" }.last ?? ""
    declarations.append(.function(name: String(name), signature: signature, comment: takeComment("")))
  }

  private mutating func readStructure(name: String) {
    let about = takeComment("")
    var fields: [Field] = []
    while next < lines.count {
      let line = take().trimmed
      if line.hasPrefix("}") { break }
      if line.isEmpty { comment = "" }
      if line.hasPrefix("/*") { comment = readComment(line) }
      guard !line.isEmpty, !line.hasPrefix("/*") else { continue }
      var code = line
      var text = String(line)
      while !text.contains(";"), next < lines.count {
        code = take().trimmed
        text += " " + code
      }
      fields.append(Self.field(String(text.prefix { $0 != ";" }), comment: takeComment(code)))
    }
    declarations.append(.structure(name: name, fields: fields, comment: about))
  }

  private static func field(_ text: String, comment: String) -> Field {
    if let start = text.range(of: "(*") {
      let name = text[start.upperBound...].prefix { $0 != ")" }
      return Field(name: String(name), type: text, isFunction: true, comment: comment)
    }
    let name = text.split { $0 == " " || $0 == "*" }.last ?? ""
    return Field(
      name: String(name), type: text.dropLast(name.count).trimmedRight, isFunction: false, comment: comment)
  }
}

extension StringProtocol where SubSequence == Substring {
  fileprivate var trimmed: Substring {
    var rest = self[startIndex...].drop { $0 == " " }
    while rest.last == " " { rest.removeLast() }
    return rest
  }

  fileprivate var trimmedRight: String {
    var rest = self[startIndex...]
    while rest.last == " " { rest.removeLast() }
    return String(rest)
  }

  fileprivate var trimmedLines: String {
    var rest = self[startIndex...].drop { $0 == "\n" }
    while rest.last == "\n" { rest.removeLast() }
    return String(rest)
  }

  fileprivate func range(of text: String) -> Range<Index>? { firstRange(of: text) }
}
