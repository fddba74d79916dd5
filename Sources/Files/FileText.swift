/// Bytes of a file as text that has the same length in UTF-8, so that readers can go on at their offset plus what they
/// got: a byte that is no text becomes a question mark, and a character cut off at the end is left for the next read.
enum FileText {
  static func text(_ bytes: [UInt8]) -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    var clean: [UInt8] = []
    clean.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      let length = characterLength(bytes[index])
      let end = index + length
      if end > bytes.count, index > 0, bytes[(index + 1)...].allSatisfy({ $0 & 0xc0 == 0x80 }) { break }
      if length > 0, end <= bytes.count, String(validating: bytes[index..<end], as: UTF8.self) != nil {
        clean += bytes[index..<end]
        index = end
      } else {
        clean.append(UInt8(ascii: "?"))
        index += 1
      }
    }
    return String(decoding: clean, as: UTF8.self)
  }

  /// By the first byte; 0 for a byte that begins none.
  private static func characterLength(_ first: UInt8) -> Int {
    switch first {
    case 0..<0x80: 1
    case 0xc2..<0xe0: 2
    case 0xe0..<0xf0: 3
    case 0xf0..<0xf5: 4
    default: 0
    }
  }
}
