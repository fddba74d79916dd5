/// Writes JSON straight into bytes: no tree, no reflection, so that a state of 200,000 tasks is a matter of a fraction of
/// a second. Names and values go out in the order in which they are written; names of members are not checked for
/// being unique.
///
/// With a sink, what is written is handed over in pieces between items of lists, so that no answer need be in memory
/// as a whole.
public struct JSONWriter {
  /// Takes a piece and says whether anybody still wants the rest.
  public typealias Sink = (_ piece: [UInt8]) -> Bool

  @usableFromInline static let pieceBytes = 256 << 10

  /// What was written and not handed over yet.
  public private(set) var bytes: [UInt8] = []
  /// False once the sink has refused a piece: lists are cut short, and what is written is of no use.
  public private(set) var isWanted = true
  private let sink: Sink?
  private var needsComma = false

  /// - Parameter prefix: goes out before the JSON, as it is.
  public init(after prefix: String = "", sink: Sink? = nil) {
    self.sink = sink
    bytes.reserveCapacity(sink == nil ? 4096 : Self.pieceBytes + Self.pieceBytes / 8)
    bytes.append(contentsOf: prefix.utf8)
  }

  // MARK: Structure

  /// An object whose members `body` writes.
  @inlinable
  public mutating func object(_ body: (inout JSONWriter) -> Void) {
    open(UInt8(ascii: "{"))
    body(&self)
    close(UInt8(ascii: "}"))
  }

  /// A list with one value for each item, which `body` writes.
  @inlinable
  public mutating func list<Items: Sequence>(_ items: Items, _ body: (inout JSONWriter, Items.Element) -> Void) {
    open(UInt8(ascii: "["))
    for item in items {
      body(&self, item)
      if bytes.count >= Self.pieceBytes { handOver() }
      if !isWanted { break }
    }
    close(UInt8(ascii: "]"))
  }

  @inlinable
  public mutating func object(_ name: StaticString, _ body: (inout JSONWriter) -> Void) {
    self.name(name)
    object(body)
  }

  @inlinable
  public mutating func list<Items: Sequence>(
    _ name: StaticString, _ items: Items, _ body: (inout JSONWriter, Items.Element) -> Void
  ) {
    self.name(name)
    list(items, body)
  }

  public mutating func member(_ name: StaticString, _ text: String) {
    self.name(name)
    value(text)
  }

  /// Left out without a text.
  public mutating func member(_ name: StaticString, _ text: String?) {
    if let text { member(name, text) }
  }

  public mutating func member(_ name: StaticString, _ number: Double) {
    self.name(name)
    value(number)
  }

  /// Left out without a number.
  public mutating func member(_ name: StaticString, _ number: Double?) {
    if let number { member(name, number) }
  }

  public mutating func member(_ name: StaticString, _ integer: Int) {
    self.name(name)
    value(integer)
  }

  public mutating func member(_ name: StaticString, _ boolean: Bool) {
    self.name(name)
    value(boolean)
  }

  /// A list of texts.
  public mutating func member(_ name: StaticString, _ texts: some Sequence<String>) {
    list(name, texts) { $0.value($1) }
  }

  /// The name of the member whose value is written next. It must need no escapes.
  public mutating func name(_ name: StaticString) {
    comma()
    bytes.append(UInt8(ascii: "\""))
    name.withUTF8Buffer { bytes.append(contentsOf: $0) }
    bytes.append(UInt8(ascii: "\""))
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  /// The name of the member whose value is written next.
  public mutating func name(_ name: String) {
    value(name)
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  /// A value that is JSON already.
  public mutating func value(json: some Sequence<UInt8>) {
    comma()
    bytes.append(contentsOf: json)
    needsComma = true
  }

  /// Bytes that are no JSON, between values; a place where a piece may end.
  mutating func append(_ raw: [UInt8]) {
    bytes.append(contentsOf: raw)
    if bytes.count >= Self.pieceBytes { handOver() }
  }

  @usableFromInline
  mutating func open(_ bracket: UInt8) {
    comma()
    bytes.append(bracket)
    needsComma = false
  }

  @usableFromInline
  mutating func close(_ bracket: UInt8) {
    bytes.append(bracket)
    needsComma = true
  }

  @usableFromInline
  mutating func comma() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
  }

  @usableFromInline
  mutating func handOver() {
    guard let sink, isWanted else { return }
    let piece = bytes
    bytes = []
    bytes.reserveCapacity(Self.pieceBytes + Self.pieceBytes / 8)
    isWanted = sink(piece)
  }

  // MARK: Values

  public mutating func value(_ boolean: Bool) {
    value(json: boolean ? "true".utf8 : "false".utf8)
  }

  public mutating func value(_ integer: Int) {
    comma()
    if integer < 0 { bytes.append(UInt8(ascii: "-")) }
    digits(integer.magnitude)
    needsComma = true
  }

  /// With a fraction or an exponent (protocol fact 132). What JSON has no number for gets the name that Mesos reads
  /// (fact 131).
  public mutating func value(_ number: Double) {
    guard number.isFinite else { return value(number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity") }
    value(json: number.description.utf8)
  }

  /// A fixed-point number: `7900` thousandths as `7.9`.
  public mutating func value(thousandths: Int64) {
    comma()
    needsComma = true
    if thousandths < 0 { bytes.append(UInt8(ascii: "-")) }
    let magnitude = thousandths.magnitude
    digits(UInt(magnitude / 1000))
    bytes.append(UInt8(ascii: "."))
    var rest = magnitude % 1000
    repeat {
      bytes.append(UInt8(ascii: "0") + UInt8(rest / 100))
      rest = rest % 100 * 10
    } while rest != 0
  }

  public mutating func value(_ text: String) {
    comma()
    needsComma = true
    bytes.append(UInt8(ascii: "\""))
    let isDone: Void? = text.utf8.withContiguousStorageIfAvailable { escaped($0) }
    if isDone == nil { Array(text.utf8).withUnsafeBufferPointer { escaped($0) } }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Runs without anything to escape go out at once.
  private mutating func escaped(_ text: UnsafeBufferPointer<UInt8>) {
    var start = 0
    for index in text.indices {
      let byte = text[index]
      if byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") { continue }
      bytes.append(contentsOf: text[start..<index])
      escape(byte)
      start = index + 1
    }
    bytes.append(contentsOf: start == 0 ? text[...] : text[start...])
  }

  private mutating func escape(_ byte: UInt8) {
    bytes.append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\n"): bytes.append(UInt8(ascii: "n"))
    case UInt8(ascii: "\r"): bytes.append(UInt8(ascii: "r"))
    case UInt8(ascii: "\t"): bytes.append(UInt8(ascii: "t"))
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
    default:
      bytes.append(contentsOf: "u00".utf8)
      for digit in [byte >> 4, byte & 15] {
        bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
      }
    }
  }

  private mutating func digits(_ number: UInt) {
    if number < 10 { return bytes.append(UInt8(ascii: "0") + UInt8(number)) }
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { buffer in
      var rest = number
      var first = 20
      while rest > 0 {
        first -= 1
        buffer[first] = UInt8(ascii: "0") + UInt8(rest % 10)
        rest /= 10
      }
      bytes.append(contentsOf: UnsafeBufferPointer(rebasing: buffer[first...]))
    }
  }
}
