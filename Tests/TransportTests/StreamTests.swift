import NIOCore
import Testing
import Transport

/// Answers that stay open, from the server's side.
@Suite struct StreamTests {
  /// Answers with a stream and passes on why it closed.
  private func routes(
    _ closings: AsyncStream<HTTPStream.CloseReason>.Continuation, fill record: [UInt8]? = nil
  ) -> @Sendable (Router) -> Void {
    { router in
      router.post("/subscribe") { _, responder in
        let stream = responder.startStream(headers: ["Content-Type": "application/json"])
        stream.onClose { closings.yield($0) }
        stream.send(record: Array("{}".utf8))
        if let record { keepSending(record, on: stream, responder.eventLoop) }
      }
    }
  }

  @Test func recordsOfOneTurnLeaveInOneChunk() async throws {
    let answer = try await withServer { router in
      router.post("/subscribe") { _, responder in
        let stream = responder.startStream(headers: ["Content-Type": "application/json", "Mesos-Stream-Id": "abc"])
        stream.send(record: Array("{\"a\":1}".utf8))
        stream.send(record: [])
        stream.send(record: Array("{}".utf8))
        responder.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(10)) {
          stream.send(record: Array("later".utf8))
          stream.close()
          stream.send(record: Array("too late".utf8))
        }
      }
    } test: {
      try exchange("POST /subscribe HTTP/1.1\r\nConnection: close\r\n\r\n", port: $0.port)
    }
    #expect(
      withoutDate(answer) == "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nMesos-Stream-Id: abc\r\n"
        + "transfer-encoding: chunked\r\n\r\nd\r\n7\n{\"a\":1}2\n{}\r\n7\r\n5\nlater\r\n0\r\n\r\n")
  }

  @Test func oldClientGetsRecordsWithoutChunks() async throws {
    let answer = try await withServer { router in
      router.post("/subscribe") { _, responder in
        let stream = responder.startStream(headers: [:])
        stream.send(record: Array("{}".utf8))
        stream.close()
      }
    } test: {
      try exchange("POST /subscribe HTTP/1.0\r\n\r\n", port: $0.port)
    }
    #expect(answer.hasSuffix("\r\n\r\n2\n{}"))
  }

  @Test(arguments: ["close", "keep-alive"])
  func streamStaysOpenUntilThePeerDisconnectsAndThenSaysSo(connectionHeader: String) async throws {
    let (closings, continuation) = AsyncStream.makeStream(of: HTTPStream.CloseReason.self)
    try await withServer(routes: routes(continuation)) { server in
      let connection = try RawConnection(port: server.port)
      try connection.send("POST /subscribe HTTP/1.1\r\nConnection: \(connectionHeader)\r\n\r\n")
      _ = try connection.read { $0.hasSuffix("2\n{}\r\n") }
      connection.disconnect()
      let reason = await closings.first { _ in true }
      #expect(reason == .peerClosed)
    }
  }

  @Test func peerThatDoesNotReadIsDisconnectedAfterABoundedAmount() async throws {
    let (closings, continuation) = AsyncStream.makeStream(of: HTTPStream.CloseReason.self)
    var limits = HTTPServer.Limits()
    limits.maxQueuedBytes = 1 << 20
    let record = [UInt8](repeating: UInt8(ascii: "x"), count: 100_000)
    try await withServer(limits: limits, routes: routes(continuation, fill: record)) { server in
      let connection = try RawConnection(port: server.port)
      try connection.send("POST /subscribe HTTP/1.1\r\n\r\n")
      guard case .peerTooSlow(let queuedBytes)? = await closings.first(where: { _ in true }) else {
        Issue.record("closed for another reason")
        return
      }
      #expect(queuedBytes > 1 << 20)
      #expect(queuedBytes < 2 << 20)
    }
  }

  @Test func partsOfALongRecordGoOutAsThePeerTakesThem() async throws {
    let part = ByteBuffer(repeating: UInt8(ascii: "x"), count: 1 << 20)
    var limits = HTTPServer.Limits()
    limits.maxQueuedBytes = 100
    let answer = try await withServer(limits: limits) { router in
      router.post("/subscribe") { _, responder in
        let stream = responder.startStream(headers: [:])
        sendParts(9, part, on: stream) {
          stream.send(record: [1])
          stream.close()
        }
      }
    } test: { server in
      try exchange("POST /subscribe HTTP/1.1\r\n\r\n", port: server.port)
    }
    #expect(answer.utf8.count { $0 == UInt8(ascii: "x") } == 9 << 20)
    #expect(answer.hasSuffix("1\n\u{1}\r\n0\r\n\r\n"))
  }

  /// All parts at once, of which none has been taken yet, do not count beside a record that waits for their end.
  @Test func recordsWaitForTheEndOfOneThatGoesOutInParts() async throws {
    let part = ByteBuffer(repeating: UInt8(ascii: "x"), count: 1 << 20)
    var limits = HTTPServer.Limits()
    limits.maxQueuedBytes = 100
    let answer = try await withServer(limits: limits) { router in
      router.post("/subscribe") { _, responder in
        let stream = responder.startStream(headers: [:])
        stream.isHolding = true
        for _ in 0..<8 { _ = stream.send(part: part) }
        stream.send(record: [1])
        stream.send(part: part).assumeIsolated().whenComplete { _ in
          stream.isHolding = false
          stream.close()
        }
      }
    } test: { server in
      try exchange("POST /subscribe HTTP/1.1\r\n\r\n", port: server.port)
    }
    #expect(answer.utf8.count { $0 == UInt8(ascii: "x") } == 9 << 20)
    #expect(answer.hasSuffix("1\n\u{1}\r\n0\r\n\r\n"))
  }

  @Test func tooMuchThatWaitsForTheEndOfALongRecordIsThePeersEnd() async throws {
    let (closings, continuation) = AsyncStream.makeStream(of: HTTPStream.CloseReason.self)
    var limits = HTTPServer.Limits()
    limits.maxQueuedBytes = 100
    try await withServer(limits: limits) { router in
      router.post("/subscribe") { _, responder in
        let stream = responder.startStream(headers: [:])
        stream.onClose { continuation.yield($0) }
        stream.isHolding = true
        for _ in 0..<30 { stream.send(record: [1]) }
        responder.eventLoop.assumeIsolated().execute {
          for _ in 0..<30 { stream.send(record: [1]) }
        }
      }
    } test: { server in
      let connection = try RawConnection(port: server.port)
      try connection.send("POST /subscribe HTTP/1.1\r\n\r\n")
      // A record of one byte takes three.
      let reason = await closings.first { _ in true }
      #expect(reason == .peerTooSlow(queuedBytes: 180))
    }
  }

  @Test func peerThatTakesNoPartInTimeIsDisconnected() async throws {
    let (closings, continuation) = AsyncStream.makeStream(of: HTTPStream.CloseReason.self)
    var limits = HTTPServer.Limits()
    limits.pieceTimeout = .milliseconds(100)
    limits.bodyTimeout = .milliseconds(50)
    let part = ByteBuffer(repeating: UInt8(ascii: "x"), count: 32 << 20)
    try await withServer(limits: limits) { router in
      router.post("/subscribe") { _, responder in
        let stream = responder.startStream(headers: [:])
        stream.onClose { continuation.yield($0) }
        _ = stream.send(part: part)
      }
    } test: { server in
      let connection = try RawConnection(port: server.port)
      try connection.send("POST /subscribe HTTP/1.1\r\n\r\n")
      let reason = await closings.first { _ in true }
      #expect(reason == .peerClosed)
      connection.disconnect()
    }
  }

  @Test func streamOfAPeerThatHasGoneSaysSo() async throws {
    let (closings, continuation) = AsyncStream.makeStream(of: HTTPStream.CloseReason.self)
    try await withServer { router in
      router.post("/subscribe") { _, responder in
        responder.respond(.accepted)
        let stream = responder.startStream(headers: [:])
        stream.send(record: [1])
        stream.onClose { continuation.yield($0) }
      }
    } test: { server in
      _ = try exchange("POST /subscribe HTTP/1.1\r\nConnection: close\r\n\r\n", port: server.port)
      let reason = await closings.first { _ in true }
      #expect(reason == .peerClosed)
    }
  }
}

private func sendParts(_ count: Int, _ part: ByteBuffer, on stream: HTTPStream, _ done: @escaping () -> Void) {
  stream.send(part: part).assumeIsolated().whenSuccess {
    count > 1 ? sendParts(count - 1, part, on: stream, done) : done()
  }
}

/// Sends the record once a turn for as long as the stream is open.
private func keepSending(_ record: [UInt8], on stream: HTTPStream, _ eventLoop: any EventLoop) {
  guard stream.isOpen else { return }
  stream.send(record: record)
  eventLoop.assumeIsolated().execute { keepSending(record, on: stream, eventLoop) }
}
