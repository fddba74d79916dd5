import CTepui

/// Copies a sized struct of a module, or gives nil if it is too small to reach the end of `last`.
///
/// Fields beyond the peer's size come out as zero, which the headers define as absent throughout; so nothing else has
/// to ask for sizes.
func adopt<Struct, Field>(_ pointer: UnsafeRawPointer, through last: KeyPath<Struct, Field>) -> Struct? {
  let size = Int(pointer.loadUnaligned(as: UInt32.self))
  guard let offset = MemoryLayout<Struct>.offset(of: last), size >= offset + MemoryLayout<Field>.size else {
    return nil
  }
  return withUnsafeTemporaryAllocation(of: Struct.self, capacity: 1) { memory in
    let raw = UnsafeMutableRawBufferPointer(memory)
    raw.initializeMemory(as: UInt8.self, repeating: 0)
    raw.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: min(size, raw.count)))
    return memory[0]
  }
}

/// Copies an array of sized structs, walking it by the size of its first element.
func adoptArray<Struct, Field>(
  _ start: UnsafeRawPointer, count: UInt32, through last: KeyPath<Struct, Field>
) -> [Struct]? {
  guard count > 0 else { return [] }
  let stride = Int(start.loadUnaligned(as: UInt32.self))
  var elements: [Struct] = []
  for index in 0..<Int(count) {
    guard let element = adopt(start + index * stride, through: last) else { return nil }
    elements.append(element)
  }
  return elements
}

extension String {
  /// A module's text; nil if it is no text by the rules of module.h or longer than `limit` bytes.
  init?(_ text: tepui_text, limit: Int = 4096) {
    guard text.length > 0 else {
      self = ""
      return
    }
    guard let bytes = text.bytes, text.length <= UInt64(limit) else { return nil }
    let buffer = UnsafeRawBufferPointer(start: bytes, count: Int(text.length))
    guard !buffer.contains(0), let valid = String(validating: buffer, as: UTF8.self) else { return nil }
    self = valid
  }
}
