import CTepui

/// C memory that a module borrows for one call; freed with this object.
final class BorrowedMemory {
  private var blocks: [UnsafeMutableRawPointer] = []

  deinit { for block in blocks { block.deallocate() } }

  func text(_ string: String) -> tepui_text {
    guard !string.utf8.isEmpty else { return tepui_text() }
    return tepui_text(bytes: array(string.utf8.map { CChar(bitPattern: $0) }), length: UInt64(string.utf8.count))
  }

  /// Nil for no elements.
  func array<Element>(_ elements: [Element]) -> UnsafePointer<Element>? {
    guard !elements.isEmpty else { return nil }
    let memory = UnsafeMutablePointer<Element>.allocate(capacity: elements.count)
    memory.initialize(from: elements, count: elements.count)
    blocks.append(UnsafeMutableRawPointer(memory))
    return UnsafePointer(memory)
  }

  /// An array whose elements lie `padding` bytes further apart than they need; the bytes between are not zero.
  func array<Element>(_ elements: [Element], padding: Int) -> UnsafePointer<Element>? {
    guard padding > 0 else { return array(elements) }
    guard !elements.isEmpty else { return nil }
    let stride = MemoryLayout<Element>.stride + padding
    let count = elements.count * stride
    let memory = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: MemoryLayout<Element>.alignment)
    memory.initializeMemory(as: UInt8.self, repeating: 0xAA, count: count)
    blocks.append(memory)
    for (index, element) in elements.enumerated() {
      (memory + index * stride).initializeMemory(as: Element.self, to: element)
    }
    return UnsafePointer(memory.assumingMemoryBound(to: Element.self))
  }

  func single<Struct>(_ value: Struct) -> UnsafePointer<Struct> {
    let memory = UnsafeMutablePointer<Struct>.allocate(capacity: 1)
    memory.initialize(to: value)
    blocks.append(UnsafeMutableRawPointer(memory))
    return UnsafePointer(memory)
  }
}

extension tepui_text {
  /// A text that lives as long as the process.
  init(immortal string: String) {
    let bytes = UnsafeMutablePointer<CChar>.allocate(capacity: max(1, string.utf8.count))
    for (index, byte) in string.utf8.enumerated() { bytes[index] = CChar(bitPattern: byte) }
    self.init(bytes: bytes, length: UInt64(string.utf8.count))
  }
}
