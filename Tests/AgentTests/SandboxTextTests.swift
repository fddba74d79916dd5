import Testing

@testable import tepui_agent

@Suite struct SandboxTextTests {
  @Test func textStaysAsItIs() {
    #expect(SandboxText.text(Array("grüße\n".utf8)) == "grüße\n")
  }

  @Test func aByteThatIsNoTextTakesOnePlace() {
    let text = SandboxText.text([0x61, 0xff, 0x62, 0xc3, 0x28])
    #expect(text == "a?b?(")
  }

  @Test func aCharacterThatIsCutOffIsLeftForTheNextRead() {
    let bytes = Array("aé".utf8)
    #expect(SandboxText.text(Array(bytes.dropLast())) == "a")
  }

  @Test func progressIsAlwaysMade() {
    #expect(SandboxText.text([0xc3]) == "?")
    #expect(SandboxText.text([]) == "")
  }

  @Test func readersThatGoOnAtTheirOffsetSeeEveryCharacterOnce() {
    let file = Array("aé€😀z".utf8)
    var (offset, seen) = (0, "")
    while offset < file.count {
      let chunk = SandboxText.text(Array(file[offset..<min(offset + 5, file.count)]))
      seen += chunk
      offset += chunk.utf8.count
    }
    #expect(seen == "aé€😀z")
  }
}
