/// Where things stand in a JSON text: line and column of every value by its key path, or of the first byte that is wrong.
///
/// It is here because the decoder tells neither, and takes a key that is there twice for one. It is no second parser: it
/// answers no value, but places for messages about what `JSONDecoder` makes of the same text, which alone is believed.
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
          text: (path.isEmpty ? "" : "\(path): ")
            + "the key \"\(oneLine(key.utf8))\" is there twice; keep one of the two")
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

  /// What is between the quotes, with its escapes decoded: a key is the same however it is written.
  private mutating func readString() throws(Problem) -> String {
    next += 1
    var decoded = ""
    while true {
      let start = next
      while let byte, byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") { next += 1 }
      decoded += String(decoding: text[start..<next], as: UTF8.self)
      guard byte == UInt8(ascii: "\\") else { break }
      decoded += try readEscapes()
    }
    guard byte == UInt8(ascii: "\"") else { throw problem("'\"' at the end of the text in quotes") }
    next += 1
    return decoded
  }

  /// Escapes in a row, since two may be one character.
  private mutating func readEscapes() throws(Problem) -> String {
    var units: [UInt16] = []
    while byte == UInt8(ascii: "\\") {
      next += 1
      if byte == UInt8(ascii: "u") {
        next += 1
        units.append(try readFourDigits())
        continue
      }
      guard let byte, let unit = Self.escapes[byte] else {
        throw problem(#"one of "\/bfnrtu behind the backslash"#)
      }
      next += 1
      units.append(unit)
    }
    return String(decoding: units, as: UTF16.self)
  }

  private static let escapes: [UInt8: UInt16] = [
    UInt8(ascii: "\""): 0x22, UInt8(ascii: "\\"): 0x5C, UInt8(ascii: "/"): 0x2F, UInt8(ascii: "b"): 0x08,
    UInt8(ascii: "f"): 0x0C, UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09,
  ]

  private mutating func readFourDigits() throws(Problem) -> UInt16 {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      guard let digit = byte, let value = Character(Unicode.Scalar(digit)).hexDigitValue else {
        throw problem("four hexadecimal digits behind \\u")
      }
      unit = unit << 4 | UInt16(value)
      next += 1
    }
    return unit
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
