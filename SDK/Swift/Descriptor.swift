import CTepui

/// Who a module is; the fields of `tepui_descriptor`.
public struct Descriptor: Sendable {
  /// Reverse DNS: `org.example.fifo`.
  public var id: String
  public var version: String
  public var author: String
  /// SPDX id.
  public var licence: String
  /// One sentence.
  public var summary: String
  public var parameters: [ParameterSpecification]

  public init(
    id: String, version: String, author: String, licence: String, summary: String,
    parameters: [ParameterSpecification] = []
  ) {
    self.id = id
    self.version = version
    self.author = author
    self.licence = licence
    self.summary = summary
    self.parameters = parameters
  }
}

/// A parameter as the module declares it. The host refuses other keys and values before the module is made.
public struct ParameterSpecification: Sendable {
  let name: String
  let type: UInt32
  let initial: String
  var range: ClosedRange<Int64>?
  var allowed: [String] = []
  let help: String

  /// Any text, or one of `allowed`.
  public static func text(_ name: String, default initial: String, allowed: [String] = [], help: String) -> Self {
    Self(name: name, type: UInt32(TEPUI_PARAMETER_TEXT), initial: initial, allowed: allowed, help: help)
  }

  public static func integer(
    _ name: String, default initial: Int64, in range: ClosedRange<Int64>? = nil, help: String
  ) -> Self {
    Self(name: name, type: UInt32(TEPUI_PARAMETER_INTEGER), initial: "\(initial)", range: range, help: help)
  }

  public static func boolean(_ name: String, default initial: Bool, help: String) -> Self {
    Self(name: name, type: UInt32(TEPUI_PARAMETER_BOOLEAN), initial: "\(initial)", help: help)
  }

  /// A number with up to three decimals: the default as it is written (`"1.5"`), the range in thousandths.
  public static func quantity(
    _ name: String, default initial: String, in range: ClosedRange<Int64>? = nil, help: String
  ) -> Self {
    Self(name: name, type: UInt32(TEPUI_PARAMETER_QUANTITY), initial: initial, range: range, help: help)
  }

  /// A time: the default as it is written (`"250ms"`), the range in nanoseconds.
  public static func duration(
    _ name: String, default initial: String, in range: ClosedRange<Int64>? = nil, help: String
  ) -> Self {
    Self(name: name, type: UInt32(TEPUI_PARAMETER_DURATION), initial: initial, range: range, help: help)
  }
}

extension Descriptor {
  /// The C form, which lives as long as the process.
  func immortal(kind: String) -> UnsafePointer<tepui_descriptor> {
    let descriptor = UnsafeMutablePointer<tepui_descriptor>.allocate(capacity: 1)
    descriptor.initialize(
      to: tepui_descriptor(
        size: UInt32(MemoryLayout<tepui_descriptor>.size), parameter_count: UInt32(parameters.count),
        id: tepui_text(immortal: id), kind: tepui_text(immortal: kind), version: tepui_text(immortal: version),
        author: tepui_text(immortal: author), licence: tepui_text(immortal: licence),
        summary: tepui_text(immortal: summary), parameters: immortalArray(parameters.map(\.immortal))))
    return UnsafePointer(descriptor)
  }
}

extension ParameterSpecification {
  fileprivate var immortal: tepui_parameter_spec {
    tepui_parameter_spec(
      size: UInt32(MemoryLayout<tepui_parameter_spec>.size), type: type, name: tepui_text(immortal: name),
      initial: tepui_text(immortal: initial), minimum: range?.lowerBound ?? 0, maximum: range?.upperBound ?? 0,
      allowed: immortalArray(allowed.map { tepui_text(immortal: $0) }), allowed_count: UInt32(allowed.count),
      help: tepui_text(immortal: help))
  }
}

/// A copy that lives as long as the process; nil for no elements.
func immortalArray<Element>(_ elements: [Element]) -> UnsafePointer<Element>? {
  guard !elements.isEmpty else { return nil }
  let memory = UnsafeMutablePointer<Element>.allocate(capacity: elements.count)
  memory.initialize(from: elements, count: elements.count)
  return UnsafePointer(memory)
}

extension tepui_text {
  init(immortal string: String) {
    self.init(bytes: immortalArray(string.utf8.map { CChar(bitPattern: $0) }), length: UInt64(string.utf8.count))
  }
}
