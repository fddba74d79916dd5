import NIOCore
import Testing
import Transport

/// Streams of records from the client's side.
@Suite struct SubscriptionTests {
  @Sendable static func routes(_ router: Router) {
    router.post("/count") { request, responder in
      let stream = responder.startStream(headers: ["X-Id": "7"])
      for number in 1...1000 { stream.send(record: Array("\(number)".utf8)) }
      if request.query["end"] != nil { stream.close() }
    }
    router.post("/cut") { _, responder in
      let stream = responder.startStream(headers: [:])
      stream.send("5\nab".utf8)
      stream.close()
    }
    router.post("/garbage") { _, responder in responder.startStream(headers: [:]).send("<html>".utf8) }
    router.post("/refuse") { _, responder in responder.respond(.error(.badRequest, "no")) }
  }

  /// What a subscription to `target` delivers until it is closed.
  private func events(of target: String) async throws -> [String] {
    try await withServer(routes: Self.routes) { server in
      try await withClient { client in
        var events: [String] = []
        for await event in client.subscribe(ClientRequest(.POST, server.endpoint, target)) {
          switch event {
          case .opened(let headers): events.append("opened \(headers.first(name: "X-Id") ?? "-")")
          case .record(let bytes): events.append(String(decoding: bytes, as: UTF8.self))
          case .closed(let reason):
            events.append("\(reason)".replacing("http://\(server.endpoint)", with: ""))
          }
        }
        return events
      }
    }
  }

  @Test func recordsArriveInOrderBetweenOpeningAndEnd() async throws {
    let numbers = (1...1000).map { "\($0)" }
    #expect(try await events(of: "/count?end") == ["opened 7"] + numbers + ["the server ended the stream"])
  }

  @Test(arguments: [
    ("/refuse", ["the server answered 400: no"]),
    ("/cut", ["opened -", "POST /cut: the stream ended in the middle of a record"]),
    (
      "/garbage",
      ["opened -", "POST /garbage: record length must be 1…134217728 in decimal digits, but is '<html>'"]
    ),
  ])
  func brokenStreamSaysWhatWasWrong(target: String, expected: [String]) async throws {
    #expect(try await events(of: target) == expected)
  }

  @Test func serverThatIsNotThereIsNamed() async throws {
    let endpoint = try await withServer(routes: Self.routes) { $0.endpoint }
    try await withClient { client in
      for await event in client.subscribe(ClientRequest(.POST, endpoint, "/count")) {
        guard case .closed(let reason) = event else { continue }
        #expect("\(reason)" == "POST http://\(endpoint)/count: cannot connect: Connection refused")
      }
    }
  }

  @Test func subscriberThatLeavesClosesTheServersStream() async throws {
    let (closings, continuation) = AsyncStream.makeStream(of: HTTPStream.CloseReason.self)
    try await withServer { router in
      router.post("/") { _, responder in
        let stream = responder.startStream(headers: [:])
        stream.onClose { continuation.yield($0) }
      }
    } test: { server in
      try await withClient { client in
        for await event in client.subscribe(ClientRequest(.POST, server.endpoint, "/")) {
          if case .opened = event { break }
        }
        let reason = await closings.first { _ in true }
        #expect(reason == .peerClosed)
      }
    }
  }
}
