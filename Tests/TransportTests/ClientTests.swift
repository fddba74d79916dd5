import NIOCore
import NIOHTTP1
import NIOPosix
import Testing
import Transport

/// The client against our server, and against nobody.
@Suite struct ClientTests {
  @Sendable static func routes(_ router: Router) {
    router.on("/echo", echo)
    router.get("/silent") { _, _ in }
    router.get("/peer") { request, responder in
      responder.respond(Response(contentType: "text/plain", body: request.remoteAddress.utf8))
    }
    router.get("/once") { request, responder in
      var response = Response(contentType: "text/plain", body: request.remoteAddress.utf8)
      response.headers.add(name: "Connection", value: "close")
      responder.respond(response)
    }
    router.get("/slow") { request, responder in
      responder.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(50)) { echo(request, responder) }
    }
  }

  private func withPair<Result>(
    limits: HTTPClient.Limits = .init(), test: (AsyncHTTPClient, Endpoint) async throws -> Result
  ) async throws -> Result {
    try await withServer(routes: Self.routes) { server in
      try await withClient(limits: limits) { try await test($0, server.endpoint) }
    }
  }

  @Test func answerArrivesWhole() async throws {
    try await withPair { client, endpoint in
      let body = [UInt8](repeating: UInt8(ascii: "x"), count: 3_000_000)
      let response = try await client.send(ClientRequest(.POST, endpoint, "/echo?a=b%20c", body: body))
      #expect(response.status == .ok)
      #expect(response.headers.first(name: "Content-Type") == "text/plain")
      #expect(response.bodyBytes == Array("POST /echo [a=b c] ".utf8) + body)
    }
  }

  @Test func connectionIsUsedAgain() async throws {
    try await withPair { client, endpoint in
      let first = try await client.send(ClientRequest(.GET, endpoint, "/peer"))
      let second = try await client.send(ClientRequest(.GET, endpoint, "/peer"))
      #expect(first.bodyBytes == second.bodyBytes)
    }
  }

  @Test func hostNameIsResolved() async throws {
    try await withPair { client, endpoint in
      let named = Endpoint(host: "localhost", port: endpoint.port)
      let response = try await client.send(ClientRequest(.GET, named, "/echo"))
      #expect(response.status == .ok)
    }
  }

  @Test func unusedConnectionIsClosed() async throws {
    var limits = HTTPClient.Limits()
    limits.idleTimeout = .milliseconds(20)
    try await withPair(limits: limits) { client, endpoint in
      let first = try await client.send(ClientRequest(.GET, endpoint, "/peer"))
      var isNew = false
      for _ in 0..<500 where !isNew {
        try await Task.sleep(for: .milliseconds(40))
        isNew = try await client.send(ClientRequest(.GET, endpoint, "/peer")).bodyBytes != first.bodyBytes
      }
      #expect(isNew)
    }
  }

  @Test func orderedCallsArriveInOrder() async throws {
    try await withServer(routes: Self.routes) { server in
      let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
      let (answers, continuation) = AsyncStream.makeStream(of: String.self)
      let endpoint = server.endpoint
      try await group.next().submit {
        let queue = HTTPClient(eventLoop: group.next()).orderedCalls(to: endpoint)
        for number in 0..<200 {
          let path = number == 0 ? "/slow" : "/echo"
          queue.send(ClientRequest(.GET, endpoint, "\(path)?n=\(number)")) { result in
            continuation.yield((try? result.get()).map { String(buffer: $0.body) } ?? "\(result)")
            if number == 199 { continuation.finish() }
            _ = queue
          }
        }
      }.get()
      var received: [String] = []
      for await answer in answers { received.append(answer) }
      #expect(received == (0..<200).map { "GET \($0 == 0 ? "/slow" : "/echo") [n=\($0)] " })
      try await group.shutdownGracefully()
    }
  }

  @Test func refusedConnectionNamesWhoRefused() async throws {
    let port = try await withServer(routes: Self.routes) { $0.port }
    try await withClient { client in
      let request = ClientRequest(.GET, Endpoint(host: "127.0.0.1", port: port), "/echo")
      let error = await #expect(throws: HTTPClientError.self) { try await client.send(request) }
      #expect(error?.code == .cannotConnect)
      #expect(
        error?.description == "GET http://127.0.0.1:\(port)/echo: cannot connect: Connection refused")
    }
  }

  @Test func unknownHostIsNamed() async throws {
    try await withClient { client in
      let request = ClientRequest(.GET, Endpoint(host: "no-such-host.invalid", port: 5050), "/echo")
      let error = await #expect(throws: HTTPClientError.self) { try await client.send(request) }
      #expect(
        error?.description == "GET http://no-such-host.invalid:5050/echo: cannot connect: "
          + "host name 'no-such-host.invalid' cannot be resolved")
    }
  }

  @Test func serverThatDoesNotAnswerIsATimeout() async throws {
    try await withPair { client, endpoint in
      let request = ClientRequest(.GET, endpoint, "/silent")
      let error = await #expect(throws: HTTPClientError.self) {
        try await client.send(request, timeout: .milliseconds(50))
      }
      #expect(error?.code == .timedOut)
      #expect(error?.description == "GET http://\(endpoint)/silent: no answer within 0.05 s")
      let next = try await client.send(ClientRequest(.GET, endpoint, "/echo"))
      #expect(next.status == .ok)
    }
  }

  @Test func serverThatGoesAwayIsAnError() async throws {
    try await withClient { client in
      let request = try await withServer(routes: Self.routes) { server in
        ClientRequest(.GET, server.endpoint, "/silent")
      }
      await #expect(throws: HTTPClientError.self) { try await client.send(request) }
    }
  }

  @Test func answerOverTheLimitIsAnError() async throws {
    var limits = HTTPClient.Limits()
    limits.maxBodyBytes = 1000
    try await withPair(limits: limits) { client, endpoint in
      let request = ClientRequest(.POST, endpoint, "/echo", body: [UInt8](repeating: 65, count: 2000))
      let error = await #expect(throws: HTTPClientError.self) { try await client.send(request) }
      #expect(error?.code == .answerTooLarge)
    }
  }

  @Test(arguments: [
    ("host:5050", "host", 5050), ("10.0.0.1:1", "10.0.0.1", 1), ("[::1]:5051", "::1", 5051), ("host", "host", 7),
    ("::1", "::1", 7), ("[::1]", "::1", 7),
  ])
  func endpointIsRead(text: String, host: String, port: Int) {
    #expect(Endpoint(text, defaultPort: 7) == Endpoint(host: host, port: port))
  }

  @Test(arguments: ["", ":5050", "host:", "host:x", "host:0", "host:65536", "http://host:80", "a b:1"])
  func textThatIsNoEndpointIsRefused(text: String) {
    #expect(Endpoint(text, defaultPort: 7) == nil)
  }

  @Test func queryValueIsEscaped() {
    #expect(ClientRequest.queryEscaped("/a b&c=ä+%") == "/a%20b%26c%3D%C3%A4%2B%25")
  }
}
