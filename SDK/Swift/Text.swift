import CTepui

extension String {
  /// A copy of a text of the host.
  init(_ text: tepui_text) {
    let bytes = UnsafeRawBufferPointer(start: text.bytes, count: text.bytes == nil ? 0 : Int(text.length))
    self.init(decoding: bytes, as: UTF8.self)
  }
}

/// Lends a text for the time of `body`.
func withText<Answer>(_ string: String, _ body: (tepui_text) -> Answer) -> Answer {
  var string = string
  return string.withUTF8 { bytes in
    bytes.withMemoryRebound(to: CChar.self) {
      body(tepui_text(bytes: $0.baseAddress, length: UInt64($0.count)))
    }
  }
}
