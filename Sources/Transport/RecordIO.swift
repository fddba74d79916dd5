import NIOCore

/// The framing of the event streams: decimal length in bytes, one newline, that many bytes, and at once the next
/// (protocol fact 16). Borders of records and of HTTP chunks have nothing to do with each other (fact 17).
public enum RecordIO {
  /// Appends `record` with its length in front.
  public static func append(_ record: some Collection<UInt8>, to buffer: inout ByteBuffer) {
    buffer.writeString(String(record.count))
    buffer.writeInteger(UInt8(ascii: "\n"))
    buffer.writeBytes(record)
  }

  public struct Malformed: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  /// Takes bytes in any portions and gives the records in them. After an error the stream is useless: there is no way
  /// to find the next border.
  public struct Decoder {
    private let maxRecordBytes: Int
    private var buffer = ByteBuffer()
    /// Length of the record being read, once its length line is complete.
    private var recordBytes: Int?

    public init(maxRecordBytes: Int = 64 << 20) {
      self.maxRecordBytes = maxRecordBytes
    }

    /// True between two records: the stream may end here.
    public var isAtBorder: Bool { recordBytes == nil && buffer.readableBytes == 0 }

    public mutating func append(_ bytes: ByteBuffer) {
      var bytes = bytes
      if buffer.readableBytes == 0 { buffer = bytes } else { buffer.writeBuffer(&bytes) }
    }

    /// The next whole record, or nil until more bytes have come.
    public mutating func next() throws(Malformed) -> [UInt8]? {
      if recordBytes == nil { recordBytes = try readLength() }
      guard let length = recordBytes, let record = buffer.readBytes(length: length) else { return nil }
      recordBytes = nil
      buffer.discardReadBytes()
      return record
    }

    private mutating func readLength() throws(Malformed) -> Int? {
      let view = buffer.readableBytesView
      // No length within the limit has more digits than the limit itself, so a peer cannot make us wait for ever.
      let maxDigits = String(maxRecordBytes).utf8.count
      let digits = view.prefix(maxDigits).prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
      if digits.count == view.count { return nil }
      guard view[digits.endIndex] == UInt8(ascii: "\n"),
        let length = Int(String(decoding: digits, as: UTF8.self)), (1...maxRecordBytes).contains(length)
      else { throw malformed(view.prefix { $0 != UInt8(ascii: "\n") }) }
      buffer.moveReaderIndex(forwardBy: digits.count + 1)
      return length
    }

    private func malformed(_ bytes: some Collection<UInt8>) -> Malformed {
      let shown = String(decoding: bytes.prefix(20), as: UTF8.self)
      return Malformed(description: "record length must be 1…\(maxRecordBytes) in decimal digits, but is '\(shown)'")
    }
  }
}
