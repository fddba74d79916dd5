/// The reference of the ABI in Markdown, made of what the headers say: nothing is written twice.
public enum HeaderReference {
  /// - Parameter headers: file names with their texts, in the order of the reference.
  public static func markdown(_ headers: [(name: String, text: String)], version: String) -> String {
    var parts = [
      "# Reference of the module ABI \(version)",
      "Made from the headers by `tepui-module reference`. What may change in a later version is in ABI.md.",
    ]
    for (name, text) in headers {
      let header = Header(text)
      parts.append("## tepui/\(name)")
      parts.append(header.introduction)
      var constants: [(String, String, String)] = []
      for declaration in header.declarations {
        if case .constant(let name, let value, let comment) = declaration {
          constants.append((name, value, comment))
          continue
        }
        parts.append(table(of: constants))
        constants = []
        parts.append(section(of: declaration))
      }
      parts.append(table(of: constants))
    }
    return parts.filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
  }

  private static func table(of constants: [(name: String, value: String, comment: String)]) -> String {
    guard !constants.isEmpty else { return "" }
    return
      (["| Constant | Value | |", "|---|---|---|"]
      + constants.map { "| `\($0.name)` | `\($0.value)` | \(cell($0.comment)) |" }).joined(separator: "\n")
  }

  private static func section(of declaration: Header.Declaration) -> String {
    switch declaration {
    case .section(let title): "### \(title)"
    case .paragraph(let text): text
    case .constant: ""
    case .type(let name, let original, let comment):
      heading(name) + "\n\n`\(original)`" + (comment.isEmpty ? "" : ": \(comment)")
    case .function(let name, let signature, let comment):
      [heading(name), code(signature), comment].filter { !$0.isEmpty }.joined(separator: "\n\n")
    case .structure(let name, let fields, let comment):
      ([heading(name), comment, table(of: fields.filter { !$0.isFunction })]
        + fields.filter(\.isFunction).map { function($0, of: name) }).filter { !$0.isEmpty }
        .joined(separator: "\n\n")
    }
  }

  private static func heading(_ name: String) -> String { "#### \(name)" }

  private static func table(of fields: [Header.Field]) -> String {
    (["| Field | Type | |", "|---|---|---|"]
      + fields.map { "| `\($0.name)` | `\($0.type)` | \(cell($0.comment)) |" }).joined(separator: "\n")
  }

  private static func function(_ field: Header.Field, of structure: String) -> String {
    "##### \(structure).\(field.name)\n\n\(code(field.type))\n\n\(field.comment)"
  }

  /// A declaration, one argument a line where it is long.
  private static func code(_ text: String) -> String {
    guard text.count > 100, let start = text.lastIndex(of: "(") else { return "```c\n\(text)\n```" }
    let lines = text[start...].dropFirst().replacing(", ", with: ",\n    ")
    return "```c\n\(text[...start])\n    \(lines)\n```"
  }

  private static func cell(_ text: String) -> String {
    text.replacing("\n", with: " ").replacing("|", with: "\\|")
  }
}
