import NIOCore
import Testing
import Transport

/// The server's HTTP/1.1, byte by byte.
@Suite struct ServerTests {
  @Sendable static func routes(_ router: Router) {
    router.on("/echo", echo)
    router.get("/health") { _, responder in responder.respond(Response(.ok)) }
    router.get("/later") { request, responder in
      responder.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(30)) { echo(request, responder) }
    }
    router.get("/twice") { _, responder in
      responder.respond(.error(.conflict, "first"))
      responder.respond(.error(.gone, "second"))
    }
  }

  private func said(_ request: String, limits: HTTPServer.Limits = .init()) async throws -> String {
    try await withServer(limits: limits, routes: Self.routes) { withoutDate(try exchange(request, port: $0.port)) }
  }

  @Test func emptyAnswerHasAZeroLengthAndNoContentType() async throws {
    let answer = try await said("GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")
    #expect(answer == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
  }

  @Test func everyAnswerIsDated() async throws {
    try await withServer(routes: Self.routes) { server in
      let answer = try exchange("GET /health HTTP/1.0\r\n\r\n", port: server.port)
      #expect(answer.contains(/\r\nDate: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n/))
    }
  }

  @Test func headHasTheLengthOfTheBodyButNoBody() async throws {
    let answer = try await said("HEAD /echo HTTP/1.1\r\nConnection: close\r\n\r\n")
    #expect(answer.contains("\r\nContent-Length: 14\r\n"))
    #expect(answer.hasSuffix("\r\n\r\n"))
  }

  @Test func oldClientGetsAnAnswerAndTheEndOfTheConnection() async throws {
    #expect(try await said("GET /echo HTTP/1.0\r\n\r\n").hasSuffix("\r\n\r\nGET /echo [] "))
  }

  @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
    let requests = (0..<3000).map { "GET /\($0 == 0 ? "later" : "echo")?n=\($0) HTTP/1.1\r\n\r\n" }.joined()
    let answers = try await said(requests + "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")
    let numbers = answers.matches(of: /\[n=(\d+)\]/).map { Int($0.output.1) }
    #expect(numbers == Array(0..<3000))
  }

  @Test func chunkedBodyIsPutTogether() async throws {
    let answer = try await said(
      "POST /echo HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n")
    #expect(answer.hasSuffix("POST /echo [] abcdefg"))
  }

  @Test func clientThatAsksBeforeSendingIsToldToContinue() async throws {
    try await withServer(routes: Self.routes) { server in
      let connection = try RawConnection(port: server.port)
      try connection.send(
        "POST /echo HTTP/1.1\r\nConnection: close\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
      let interim = try connection.read { $0.hasSuffix("\r\n\r\n") }
      #expect(interim == "HTTP/1.1 100 Continue\r\n\r\n")
      try connection.send("abc")
      let answer = try connection.read()
      #expect(answer.hasSuffix("POST /echo [] abc"))
    }
  }

  @Test(arguments: [
    Sample("with a length", "Content-Length: 2000\r\n\r\n" + String(repeating: "x", count: 2000)),
    Sample("asking first", "Expect: 100-continue\r\nContent-Length: 2000\r\n\r\n"),
    Sample(
      "in chunks",
      "Transfer-Encoding: chunked\r\n\r\n7d0\r\n" + String(repeating: "x", count: 2000) + "\r\n0\r\n\r\n"),
  ])
  func bodyOverTheLimitIsRefused(sample: Sample) async throws {
    var limits = HTTPServer.Limits()
    limits.maxBodyBytes = 1000
    limits.bodyTimeout = .milliseconds(100)
    let answer = try await said("POST /echo HTTP/1.1\r\n" + sample.text, limits: limits)
    #expect(answer.hasPrefix("HTTP/1.1 413 Payload Too Large\r\n"))
    #expect(answer.hasSuffix("\r\n\r\nrequest body is larger than the limit of 1000 bytes"))
  }

  @Test func largeBodyWithinTheLimitArrives() async throws {
    let body = String(repeating: "0123456789", count: 1_000_000)
    let answer = try await said(
      "POST /echo HTTP/1.1\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    #expect(answer.hasSuffix("POST /echo [] " + body))
  }

  @Test(arguments: [
    Sample("no request at all", "nonsense\r\n\r\n"),
    Sample("unknown version", "GET /health HTTP/9.9\r\n\r\n"),
    Sample("header without a colon", "GET /health HTTP/1.1\r\nno colon\r\n\r\n"),
    Sample("negative length", "POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
    Sample("length that is no number", "POST /echo HTTP/1.1\r\nContent-Length: 1x\r\n\r\n"),
    Sample("chunk size that is no number", "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    Sample("endless header", "GET /health HTTP/1.1\r\nA: \(String(repeating: "x", count: 200_000))\r\n\r\n"),
    Sample("TLS greeting", "\u{16}\u{3}\u{1}\u{2}\0"),
  ])
  func malformedRequestIsRefusedAndTheServerLives(sample: Sample) async throws {
    try await withServer(routes: Self.routes) { server in
      let refusal = try exchange(sample.text, port: server.port)
      #expect(refusal.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
      let next = try exchange("GET /health HTTP/1.0\r\n\r\n", port: server.port)
      #expect(next.hasPrefix("HTTP/1.1 200 OK\r\n"))
    }
  }

  @Test(arguments: [
    "", "GET /hea", "POST /echo HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", "GET /later HTTP/1.1\r\n\r\n",
  ])
  func connectionThatIsResetHarmsNobody(said: String) async throws {
    try await withServer(routes: Self.routes) { server in
      let connection = try RawConnection(port: server.port)
      try connection.send("GET /health HTTP/1.1\r\n\r\n")
      _ = try connection.read { $0.hasSuffix("\r\n\r\n") }
      try connection.send(said)
      connection.reset()
      let next = try exchange("GET /later HTTP/1.0\r\n\r\n", port: server.port)
      #expect(next.hasPrefix("HTTP/1.1 200 OK\r\n"))
    }
  }

  @Test func peerThatNeverAsksIsDisconnected() async throws {
    var limits = HTTPServer.Limits()
    limits.headTimeout = .milliseconds(50)
    #expect(try await said("GET /heal", limits: limits) == "")
  }

  @Test func peerThatNeverFinishesItsBodyIsToldSo() async throws {
    var limits = HTTPServer.Limits()
    limits.bodyTimeout = .milliseconds(50)
    let answer = try await said("POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc", limits: limits)
    #expect(answer.hasPrefix("HTTP/1.1 408 Request Timeout\r\n"))
  }

  @Test func onlyTheFirstAnswerCounts() async throws {
    let answer = try await said("GET /twice HTTP/1.1\r\nConnection: close\r\n\r\n")
    #expect(answer.hasPrefix("HTTP/1.1 409 Conflict\r\n"))
    #expect(answer.hasSuffix("\r\n\r\nfirst"))
  }

  @Test func portInUseIsNamed() async throws {
    try await withServer(routes: Self.routes) { first in
      let error = await #expect(throws: BindError.self) {
        try await withServer(routes: Self.routes, port: first.port) { _ in }
      }
      #expect(error?.description == "cannot listen at 127.0.0.1:\(first.port): Address already in use")
    }
  }
}
