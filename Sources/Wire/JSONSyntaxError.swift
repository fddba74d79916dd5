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
  /// The parser tells whether a text is wrong or merely not complete. A wrong beginning stays wrong however the text
  /// goes on, so the place is found by halving.
  private static func start(of bytes: [UInt8]) -> Int {
    var complete = 0
    var wrong = bytes.count + 1
    while complete + 1 < wrong {
      let middle = (complete + wrong) / 2
      if middle <= bytes.count, isWrong(Array(bytes[..<middle])) { wrong = middle } else { complete = middle }
    }
    return min(complete, bytes.count)
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
