import Foundation
import Testing
import Wire

/// What the writer writes is read back by a parser that is not ours.
@Suite struct JSONWriterTests {
  private func parse(_ write: (inout JSONWriter) -> Void) throws -> Any {
    var json = JSONWriter()
    write(&json)
    return try JSONSerialization.jsonObject(with: Data(json.bytes), options: .fragmentsAllowed)
  }

  @Test func textsComeBackWhateverIsInThem() throws {
    var generator = SystemRandomNumberGenerator()
    let ranges: [ClosedRange<UInt32>] = [0...0x1F, 0x20...0x7F, 0x80...0x7FF, 0x800...0xD7FF, 0x10000...0x10FFFF]
    for _ in 0..<2000 {
      var text = String.UnicodeScalarView()
      for _ in 0..<Int.random(in: 0...40, using: &generator) {
        let range = try #require(ranges.randomElement(using: &generator))
        if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &generator)) { text.append(scalar) }
      }
      let written = String(text)
      let read = try #require(try parse { $0.value(written) } as? String)
      #expect(Array(read.unicodeScalars) == Array(text), "\(text.map(\.value))")
    }
  }

  @Test func escapesAreTheShortOnesOfTheStandard() {
    var json = JSONWriter()
    json.value("a\"b\\c\nd\te\rf\u{1}\u{1f}/é")
    #expect(String(decoding: json.bytes, as: UTF8.self) == #""a\"b\\c\nd\te\rf\u0001\u001f/é""#)
  }

  @Test func numbersComeBackExactly() throws {
    func read<Number: Decodable>(_ write: (inout JSONWriter) -> Void) throws -> Number {
      var json = JSONWriter()
      write(&json)
      return try JSONDecoder().decode(Number.self, from: Data(json.bytes))
    }
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let double = Double(bitPattern: UInt64.random(in: 0...UInt64.max, using: &generator))
      if double.isFinite { #expect(try read { $0.value(double) } == double) }
      let integer = Int.random(in: Int.min...Int.max, using: &generator)
      #expect(try read { $0.value(integer) } == integer)
    }
    for integer in [Int.min, -1, 0, 9, 10, Int.max] { #expect(try read { $0.value(integer) } == integer) }
  }

  @Test func thousandthsAreWrittenAsMesosWritesThem() {
    func text(_ thousandths: Int64) -> String {
      var json = JSONWriter()
      json.value(thousandths: thousandths)
      return String(decoding: json.bytes, as: UTF8.self)
    }
    #expect(text(0) == "0.0")
    #expect(text(7900) == "7.9")
    #expect(text(8_192_000) == "8192.0")
    #expect(text(-5) == "-0.005")
    #expect(text(1_010) == "1.01")
    #expect(text(.max) == "9223372036854775.807")
    #expect(text(.min) == "-9223372036854775.808")
  }

  /// Protocol fact 131.
  @Test func whatIsNoNumberGetsAName() {
    var json = JSONWriter()
    json.list([Double.infinity, -.infinity, .nan]) { $0.value($1) }
    #expect(String(decoding: json.bytes, as: UTF8.self) == #"["Infinity","-Infinity","NaN"]"#)
  }

  @Test func structureIsWhole() throws {
    let read = try parse { json in
      json.object { json in
        json.member("text", "a")
        json.member("absent", String?.none)
        json.member("flag", true)
        json.object("empty") { _ in }
        json.list("list", [1, 2]) { json, number in json.object { $0.member("number", number) } }
        json.name("na\"me")
        json.value(-3)
        json.member("last", 1.5)
      }
    }
    let wanted: [String: Any] = [
      "text": "a", "flag": true, "empty": [String: Any](), "list": [["number": 1], ["number": 2]], "na\"me": -3,
      "last": 1.5,
    ]
    #expect(try #require(read as? NSDictionary) == wanted as NSDictionary)
  }

  @Test func piecesMakeUpTheWhole() throws {
    var pieces: [[UInt8]] = []
    var json = JSONWriter { piece in
      pieces.append(piece)
      return true
    }
    json.list(0..<100_000) { $0.value("number \($1)") }
    #expect(pieces.count > 2)
    let all = pieces.joined() + json.bytes
    let read = try JSONSerialization.jsonObject(with: Data(all)) as? [String]
    #expect(read?.count == 100_000)
    #expect(read?.last == "number 99999")
  }

  @Test func aRefusedPieceEndsTheWork() {
    var written = 0
    var json = JSONWriter { _ in false }
    json.list(0..<1_000_000) { json, number in
      written += 1
      json.value(number)
    }
    #expect(!json.isWanted)
    #expect(written < 100_000)
  }
}
