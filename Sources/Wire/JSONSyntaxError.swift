import SwiftProtobuf

/// Where a text stops being JSON, in the words of Mesos' parser: `syntax error at line 1 near: bad json`.
enum JSONSyntaxError {
  /// In larger texts the place is not looked for.
  private static let maxBytes = 64 << 10

  static func text(of bytes: [UInt8]) -> String {
    guard bytes.count <= maxBytes else { return "syntax error" }
    let start = start(of: bytes)
    let line = 1 + bytes[..<start].count { $0 == UInt8(ascii: "\n") }
    let rest = bytes[start...].prefix { $0 != UInt8(ascii: "\n") }
    return "syntax error at line \(line) near: \(String(decoding: rest, as: UTF8.self))"
  }

  /// The first byte that no continuation could make right.
  ///
  /// The parser tells whether a text is wrong or merely not complete, if no token is cut. A wrong beginning stays wrong
  /// however the text goes on, so the place is found by halving.
  private static func start(of bytes: [UInt8]) -> Int {
    var complete = 0
    var wrong = bytes.count + 1
    while complete + 1 < wrong {
      let middle = (complete + wrong) / 2
      if middle <= bytes.count, isWrong(withWholeTokens(bytes[..<middle])) { wrong = middle } else { complete = middle }
    }
    return min(complete, bytes.count)
  }

  /// What could become a token is left out, and a string is ended.
  private static func withWholeTokens(_ beginning: ArraySlice<UInt8>) -> [UInt8] {
    var openQuote: Int?
    var escape: Int?
    for index in beginning.indices {
      if let start = escape {
        let length = beginning[start + 1] == UInt8(ascii: "u") ? 6 : 2
        if index - start + 1 == length { escape = nil }
      } else if openQuote != nil, beginning[index] == UInt8(ascii: "\\") {
        escape = index
      } else if beginning[index] == UInt8(ascii: "\"") {
        openQuote = openQuote == nil ? index : nil
      }
    }
    guard openQuote != nil else { return Array(withoutWordInProgress(beginning)) }
    var whole = Array(beginning[..<(escape ?? beginning.endIndex)])
    // A character may be cut, too.
    while let last = whole.last, last >= 0x80 { whole.removeLast() }
    return whole + [UInt8(ascii: "\"")]
  }

  /// Without `tr`, `-` or `1e` at the end.
  private static func withoutWordInProgress(_ beginning: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    for word in ["true", "false", "null"] {
      if beginning.suffix(word.utf8.count).elementsEqual(word.utf8) { return beginning }
      for length in 1..<word.utf8.count where beginning.suffix(length).elementsEqual(word.utf8.prefix(length)) {
        return beginning.dropLast(length)
      }
    }
    let marks = beginning.suffix(2).reversed().prefix { byte in "+-.eE".utf8.contains(byte) }
    return beginning.dropLast(marks.count)
  }

  private static func isWrong(_ beginning: [UInt8]) -> Bool {
    do {
      _ = try Google_Protobuf_Value(jsonUTF8Bytes: beginning)
      return false
    } catch JSONDecodingError.truncated {
      return false
    } catch {
      return true
    }
  }
}
