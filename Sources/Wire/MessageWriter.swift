import SwiftProtobuf

/// Writes one message with long lists in either encoding, item by item, so that it need never be in memory as a whole.
///
/// What is written has a name, for JSON, and a field number, for protobuf. In protobuf each item goes out in messages of
/// its own: where a message field occurs several times, parsers merge what is in it (the encoding's rule), so that no
/// length of a whole list is needed in front of it.
public struct MessageWriter {
  private enum Wire {
    static let varint: UInt64 = 0
    static let fixed64: UInt64 = 1
    static let lengthDelimited: UInt64 = 2
  }

  private let format: WireFormat
  /// Of JSON only its text; of protobuf all.
  private var out: JSONWriter
  /// Numbers of the messages that are open, outermost first.
  private var path: [Int] = []

  /// - Parameter sink: as of `JSONWriter`.
  public init(_ format: WireFormat, sink: JSONWriter.Sink? = nil) {
    self.format = format
    out = JSONWriter(sink: sink)
    if format == .json { out.open(UInt8(ascii: "{")) }
  }

  /// Ends the message and returns what was not handed to the sink.
  public consuming func finish() -> [UInt8] {
    if format == .json { out.close(UInt8(ascii: "}")) }
    return out.bytes
  }

  public mutating func member<Case: SwiftProtobuf.Enum>(_ name: StaticString, _ number: Int, _ value: Case) {
    switch format {
    case .json: out.member(name, value.protocolName)
    case .protobuf: put(Self.tag(number, Wire.varint) + Self.varint(UInt64(bitPattern: Int64(value.rawValue))))
    }
  }

  public mutating func member(_ name: StaticString, _ number: Int, _ value: Double) {
    switch format {
    case .json: out.member(name, value)
    case .protobuf:
      let bits = value.bitPattern
      put(Self.tag(number, Wire.fixed64) + (0..<8).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) })
    }
  }

  /// A message field whose fields `body` writes; it is there even if `body` writes nothing.
  public mutating func message(_ name: StaticString, _ number: Int, _ body: (inout MessageWriter) -> Void) {
    switch format {
    case .json:
      out.name(name)
      out.open(UInt8(ascii: "{"))
      body(&self)
      out.close(UInt8(ascii: "}"))
    case .protobuf:
      put(Self.tag(number, Wire.lengthDelimited) + [0])
      path.append(number)
      body(&self)
      path.removeLast()
    }
  }

  /// A repeated field with a message for each item. In JSON it is there even without items, as Mesos writes it.
  public mutating func list<Items: Sequence>(
    _ name: StaticString, _ number: Int, _ items: Items, _ message: (Items.Element) -> some Message
  ) {
    switch format {
    case .json:
      out.list(name, items) { $0.value(json: WireFormat.json.encode(message($1))) }
    case .protobuf:
      for item in items {
        let bytes = WireFormat.protobuf.encode(message(item))
        put(Self.tag(number, Wire.lengthDelimited) + Self.varint(UInt64(bytes.count)) + bytes)
        if !out.isWanted { return }
      }
    }
  }

  /// One field of the innermost open message, in its own copies of all that are open.
  private mutating func put(_ field: [UInt8]) {
    var field = field
    for number in path.reversed() {
      field = Self.tag(number, Wire.lengthDelimited) + Self.varint(UInt64(field.count)) + field
    }
    out.append(field)
  }

  private static func tag(_ number: Int, _ wireType: UInt64) -> [UInt8] { varint(UInt64(number) << 3 | wireType) }

  private static func varint(_ value: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = value
    while rest > 0x7f {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
    return bytes
  }
}
