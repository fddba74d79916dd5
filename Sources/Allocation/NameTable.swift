import CTepui

/// Names by id as bytes that stay where they are, so that a module can borrow them.
final class NameTable {
  private var texts: [UnsafeMutableBufferPointer<UInt8>?] = []

  deinit {
    for text in texts { text?.deallocate() }
  }

  func set(_ name: String, for id: UInt32) {
    while texts.count <= Int(id) { texts.append(nil) }
    remove(id)
    let bytes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: name.utf8.count)
    _ = bytes.initialize(from: name.utf8)
    texts[Int(id)] = bytes
  }

  func remove(_ id: UInt32) {
    texts[Int(id)]?.deallocate()
    texts[Int(id)] = nil
  }

  /// Empty for an id without a name.
  subscript(id: UInt32) -> tepui_text {
    guard id < texts.count, let bytes = texts[Int(id)], let base = bytes.baseAddress else { return tepui_text() }
    return base.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
      tepui_text(bytes: UnsafePointer($0), length: UInt64(bytes.count))
    }
  }

  func string(_ id: UInt32) -> String {
    guard id < texts.count, let bytes = texts[Int(id)] else { return "#\(id)" }
    return String(decoding: bytes, as: UTF8.self)
  }
}
