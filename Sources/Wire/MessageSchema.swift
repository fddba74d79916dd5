/// What is known of a message's fields at run time. Used to explain input that did not decode, never to decode.
struct MessageSchema: Sendable {
  enum Label: String {
    case required, optional, repeated
  }

  indirect enum Kind: Sendable {
    case double, integer, bool, string, bytes, `enum`
    case message(String)
    case map(Kind)

    init(_ text: Substring) {
      switch text {
      case "double": self = .double
      case "integer": self = .integer
      case "bool": self = .bool
      case "string": self = .string
      case "bytes": self = .bytes
      case "enum": self = .enum
      default: self = text.hasPrefix("map<") ? .map(Kind(text.dropFirst(4).dropLast())) : .message(String(text))
      }
    }
  }

  struct Field {
    let name: String
    let label: Label
    let kind: Kind
  }

  let fields: [Field]

  /// All messages by their full names, read when the first explanation is asked for.
  static let all: [String: MessageSchema] = {
    var all: [String: MessageSchema] = [:]
    for line in GeneratedSchema.text.split(separator: "\n") {
      let words = line.split(separator: " ")
      all[String(words[0])] = MessageSchema(fields: words.dropFirst().compactMap(field))
    }
    return all
  }()

  private static func field(_ text: Substring) -> Field? {
    let parts = text.split(separator: ":")
    guard parts.count == 3, let label = Label(rawValue: String(parts[1])) else { return nil }
    return Field(name: String(parts[0]), label: label, kind: Kind(parts[2]))
  }
}
