import Testing

@testable import Files

@Suite struct FileTextTests {
  @Test func textStaysAsItIs() {
    #expect(FileText.text(Array("grüße\n".utf8)) == "grüße\n")
  }

  @Test func aByteThatIsNoTextTakesOnePlace() {
    let text = FileText.text([0x61, 0xff, 0x62, 0xc3, 0x28])
    #expect(text == "a?b?(")
  }

  @Test func aCharacterThatIsCutOffIsLeftForTheNextRead() {
    let bytes = Array("aé".utf8)
    #expect(FileText.text(Array(bytes.dropLast())) == "a")
  }

  @Test func progressIsAlwaysMade() {
    #expect(FileText.text([0xc3]) == "?")
    #expect(FileText.text([]) == "")
  }

  @Test func readersThatGoOnAtTheirOffsetSeeEveryCharacterOnce() {
    let file = Array("aé€😀z".utf8)
    var (offset, seen) = (0, "")
    while offset < file.count {
      let chunk = FileText.text(Array(file[offset..<min(offset + 5, file.count)]))
      seen += chunk
      offset += chunk.utf8.count
    }
    #expect(seen == "aé€😀z")
  }
}
