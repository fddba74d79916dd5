import NIOCore
import Testing
import Transport

/// The framing of event streams.
@Suite struct RecordIOTests {
  private func encoded(_ records: [String]) -> ByteBuffer {
    var buffer = ByteBuffer()
    for record in records { RecordIO.append(Array(record.utf8), to: &buffer) }
    return buffer
  }

  @Test func lengthCountsBytes() {
    #expect(String(buffer: encoded(["{}", "äöü"])) == "2\n{}6\näöü")
  }

  @Test(arguments: [1, 2, 3, 7, 100])
  func recordsAreTheSameInWhateverPortionsTheyCome(portion: Int) throws {
    let records = ["{}", String(repeating: "x", count: 150), "a\nb", "1\n1"]
    var bytes = encoded(records)
    var decoder = RecordIO.Decoder()
    var decoded: [String] = []
    while bytes.readableBytes > 0 {
      let slice = bytes.readSlice(length: min(portion, bytes.readableBytes))
      decoder.append(try #require(slice))
      while let record = try decoder.next() { decoded.append(String(decoding: record, as: UTF8.self)) }
    }
    #expect(decoded == records)
    #expect(decoder.isAtBorder)
  }

  @Test func halfARecordIsNoBorder() throws {
    var decoder = RecordIO.Decoder()
    decoder.append(ByteBuffer(string: "5\nabc"))
    let record = try decoder.next()
    #expect(record == nil)
    #expect(!decoder.isAtBorder)
  }

  @Test(arguments: [
    "0\n", "-1\nx", "x\n", "\n", "1 \na", "+1\na", "1001\n", "99999", "<", "99999999999999999999\n", "{\"type\"",
  ])
  func hostileLengthIsAnError(text: String) {
    var decoder = RecordIO.Decoder(maxRecordBytes: 1000)
    decoder.append(ByteBuffer(string: text))
    #expect(throws: RecordIO.Malformed.self) { try decoder.next() }
  }

  @Test func errorShowsWhatStoodForTheLength() {
    var decoder = RecordIO.Decoder(maxRecordBytes: 1000)
    decoder.append(ByteBuffer(string: "12a\n"))
    let error = #expect(throws: RecordIO.Malformed.self) { try decoder.next() }
    #expect(error?.description == "record length must be 1…1000 in decimal digits, but is '12a'")
  }
}
