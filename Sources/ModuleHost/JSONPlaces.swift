/// Where things stand in a JSON text: line and column of every value by its key path, or of the first byte that is wrong.
///
/// The decoder tells neither, and takes a key that is there twice for one. This only finds places; what values mean is
/// for the decoder.
struct JSONPlaces {
  /// `3:14`: line and column, from 1; a character is a column.
  typealias Place = String

  struct Problem: Error {
    let place: Place
    let text: String
  }

  private let text: [UInt8]
  private var next = 0
  private var depth = 0
  private var offsets: [String: Int] = [:]

  init(_ text: [UInt8]) throws(Problem) {
    self.text = text
    try readValue(at: "")
    skipSpace()
    if next < text.count { throw problem("the end of the text") }
  }

  /// That of the value at a key path such as `libraries[0].modules[0].name`, or of what it should be in.
  func place(of path: String) -> Place {
    var path = path[...]
    while true {
      if let offset = offsets[String(path)] { return Self.place(of: offset, in: text) }
      guard let end = path.lastIndex(where: { $0 == "." || $0 == "[" }) else { break }
      path = path[..<end]
    }
    return Self.place(of: offsets[""] ?? 0, in: text)
  }

  private static func place(of offset: Int, in text: [UInt8]) -> Place {
    let before = text[..<offset]
    let line = before.split(separator: newline, omittingEmptySubsequences: false)
    // Of a character of several bytes only the first counts.
    let column = (line.last ?? []).count { $0 & 0xC0 != 0x80 }
    return "\(line.count):\(column + 1)"
  }

  private static let newline = UInt8(ascii: "\n")
}

extension JSONPlaces {
  private func problem(_ expected: String) -> Problem {
    Problem(place: Self.place(of: next, in: text), text: "is not valid JSON: expected \(expected), not \(found)")
  }

  /// What stands at the place, for a message.
  private var found: String {
    guard next < text.count else { return "the end of the text" }
    let rest = String(decoding: text[next...].prefix(16), as: UTF8.self)
    let word = rest.prefix { $0.isLetter || $0.isNumber }
    let shown = word.isEmpty ? rest.prefix(1) : word
    return shown.allSatisfy { $0.isASCII && $0 >= " " } ? "'\(shown)'" : "the byte \(text[next])"
  }

  private var byte: UInt8? { next < text.count ? text[next] : nil }

  private mutating func skipSpace() {
    while let byte, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { next += 1 }
  }

  private mutating func take(_ wanted: Character) -> Bool {
    skipSpace()
    guard byte == wanted.asciiValue else { return false }
    next += 1
    return true
  }

  private mutating func readValue(at path: String) throws(Problem) {
    skipSpace()
    offsets[path] = next
    // As deep as the decoder goes.
    guard depth < 500 else { throw problem("less than 500 levels of nesting") }
    depth += 1
    defer { depth -= 1 }
    switch byte ?? 0 {
    case UInt8(ascii: "{"): try readObject(at: path)
    case UInt8(ascii: "["): try readArray(at: path)
    case UInt8(ascii: "\""): _ = try readString()
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try readNumber()
    default:
      for word in ["true", "false", "null"] where text[next...].starts(with: word.utf8) {
        next += word.utf8.count
        return
      }
      throw problem("a value")
    }
  }

  private mutating func readObject(at path: String) throws(Problem) {
    next += 1
    if take("}") { return }
    var keys: Set<String> = []
    repeat {
      skipSpace()
      let start = next
      guard byte == UInt8(ascii: "\"") else {
        throw problem(keys.isEmpty ? "a key in quotes or '}'" : "a key in quotes")
      }
      let key = try readString()
      guard keys.insert(key).inserted else {
        throw Problem(
          place: Self.place(of: start, in: text),
          text: (path.isEmpty ? "" : "\(path): ") + "the key \"\(key)\" is there twice; keep one of the two")
      }
      guard take(":") else { throw problem("':'") }
      try readValue(at: path.isEmpty ? key : "\(path).\(key)")
    } while take(",")
    guard take("}") else { throw problem("',' or '}'") }
  }

  private mutating func readArray(at path: String) throws(Problem) {
    next += 1
    if take("]") { return }
    var index = 0
    repeat {
      try readValue(at: "\(path)[\(index)]")
      index += 1
    } while take(",")
    guard take("]") else { throw problem("',' or ']'") }
  }

  /// What is between the quotes, as it is written.
  private mutating func readString() throws(Problem) -> String {
    next += 1
    let start = next
    while let byte, byte != UInt8(ascii: "\"") {
      guard byte >= 0x20 else { throw problem("'\"' at the end of the text in quotes") }
      next += 1
      guard byte == UInt8(ascii: "\\") else { continue }
      let escapes = #""\/bfnrtu"#.utf8
      guard let escape = self.byte, escapes.contains(escape) else {
        throw problem(#"one of "\/bfnrtu behind the backslash"#)
      }
      next += 1
      for _ in 0..<(escape == UInt8(ascii: "u") ? 4 : 0) {
        guard let digit = self.byte, Character(Unicode.Scalar(digit)).isHexDigit else {
          throw problem("four hexadecimal digits behind \\u")
        }
        next += 1
      }
    }
    guard next < text.count else { throw problem("'\"' at the end of the text in quotes") }
    next += 1
    return String(decoding: text[start..<(next - 1)], as: UTF8.self)
  }

  private mutating func readNumber() throws(Problem) {
    if byte == UInt8(ascii: "-") { next += 1 }
    if byte == UInt8(ascii: "0") { next += 1 } else { try readDigits() }
    if byte == UInt8(ascii: ".") {
      next += 1
      try readDigits()
    }
    if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
      next += 1
      if byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") { next += 1 }
      try readDigits()
    }
  }

  private mutating func readDigits() throws(Problem) {
    let start = next
    while let byte, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte { next += 1 }
    if next == start { throw problem("a digit") }
  }
}
