import Testing
import Wire

/// Which format a request is in, and which its answer gets.
@Suite struct NegotiationTests {
  @Test(arguments: [("application/json", WireFormat.json), ("application/x-protobuf", .protobuf)])
  func requestTypeIsTakenAsItStands(contentType: String, format: WireFormat) throws {
    #expect(try WireFormat.ofRequest(contentType: contentType) == format)
  }

  @Test func missingRequestTypeIsABadRequest() {
    #expect(throws: WireRefusal(400, "Expecting 'Content-Type' to be present")) {
      try WireFormat.ofRequest(contentType: nil)
    }
  }

  @Test(arguments: ["text/plain", "application/json; charset=utf-8", "application/JSON", "application/*", ""])
  func otherRequestTypesAreNotSupported(contentType: String) {
    let text = "Expecting 'Content-Type' of application/json or application/x-protobuf"
    #expect(throws: WireRefusal(415, text)) { try WireFormat.ofRequest(contentType: contentType) }
  }

  @Test(
    arguments: [
      (nil, WireFormat.json), ("*/*", .json), ("application/*", .json), ("application/json", .json),
      ("application/x-protobuf", .protobuf), ("APPLICATION/X-Protobuf", .protobuf),
      ("application/x-protobuf, application/json", .json), ("application/json;q=0, */*", .protobuf),
      ("text/html, application/x-protobuf;q=0.1", .protobuf), ("application/json; q=0.0, application/*", .protobuf),
    ] as [(String?, WireFormat)])
  func answerIsJSONWhereThatIsAcceptable(accept: String?, format: WireFormat) throws {
    #expect(try WireFormat.ofAnswer(accept: accept) == format)
  }

  @Test(arguments: ["text/html", "application/json;q=0", "*/*;q=0", "nonsense", ""])
  func answerThatNobodyWantsIsNotAcceptable(accept: String) {
    let text = "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'"
    #expect(throws: WireRefusal(406, text)) { try WireFormat.ofAnswer(accept: accept) }
  }
}
