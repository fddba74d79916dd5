import Glibc

/// A system call that failed, and what it was about.
struct SystemFailure: Error, Equatable, CustomStringConvertible {
  let code: Int32
  /// The call and its object: `open /proc/1/stat`.
  let what: String

  init(_ what: String, code: Int32 = errno) {
    self.code = code
    self.what = what
  }

  var description: String { "\(what): \(Self.text(code))" }

  static func text(_ code: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 128)
    // The thread-safe form; its GNU variant, which Swift does not see, would answer a pointer.
    guard strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
    return buffer.withUnsafeBufferPointer { text(of: $0) }
  }

  /// The text up to the first NUL.
  static func text(of buffer: UnsafeBufferPointer<CChar>) -> String {
    String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
