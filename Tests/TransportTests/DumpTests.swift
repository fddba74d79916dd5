import NIOCore
import NIOHTTP1
import Synchronization
import Testing
import Transport

@Suite struct DumpTests {
  private static let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 256 << 10)

  /// What of the long answer was done.
  private final class Progress: Sendable {
    let pieces = Atomic(0)
    let hasEnded = Atomic(false)
  }

  /// `/short` says so; `/long` has pieces as long as somebody takes them, a hundred thousand at the most.
  private func serving(_ test: (HTTPServer, Progress) async throws -> Void) async throws {
    let progress = Progress()
    let routes = { @Sendable (router: Router) in
      router.get("/short") { request, responder in
        Dump.answer(responder, isHead: request.method == .HEAD, contentType: "text/plain") { _ in Array("short".utf8) }
      }
      router.get("/long") { _, responder in
        Dump.answer(responder, isHead: false, contentType: "text/plain") { sink in
          while let sink, progress.pieces.add(1, ordering: .relaxed).newValue < 100_000, sink(Self.piece) {}
          progress.hasEnded.store(true, ordering: .relaxed)
          return []
        }
      }
    }
    try await withServer(routes: routes) { try await test($0, progress) }
  }

  @Test func aShortAnswerGoesOutAsAWhole() async throws {
    try await serving { server, _ in
      try await withClient { client in
        let answer = try await client.send(ClientRequest(.GET, server.endpoint, "/short"))
        #expect(answer.headers.first(name: "Content-Length") == "5" && String(buffer: answer.body) == "short")
        #expect(answer.headers.first(name: "Content-Type") == "text/plain")
      }
    }
  }

  @Test func aReaderThatGoesAwayEndsTheWritingAndNothingElse() async throws {
    try await serving { server, progress in
      let connection = try RawConnection(port: server.port)
      try connection.send("GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
      _ = try connection.readPortion()
      connection.reset()
      while !progress.hasEnded.load(ordering: .relaxed) { try await Task.sleep(for: .milliseconds(5)) }
      #expect(progress.pieces.load(ordering: .relaxed) < 100_000)
      try await withClient { client in
        let answer = try await client.send(ClientRequest(.GET, server.endpoint, "/short"))
        #expect(answer.status == .ok)
      }
    }
  }

  @Test func aReaderThatDoesNotReadKeepsNobodyElseWaiting() async throws {
    try await serving { server, progress in
      let connection = try RawConnection(port: server.port)
      try connection.send("GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
      _ = try connection.readPortion()
      try await withClient { client in
        for _ in 0..<3 {
          let answer = try await client.send(ClientRequest(.GET, server.endpoint, "/short"))
          #expect(answer.status == .ok)
        }
      }
      // What the sockets hold, and the pieces that may be under way.
      #expect(progress.pieces.load(ordering: .relaxed) < 100)
      let hasEnded = progress.hasEnded.load(ordering: .relaxed)
      #expect(!hasEnded)
      connection.reset()
      while !progress.hasEnded.load(ordering: .relaxed) { try await Task.sleep(for: .milliseconds(5)) }
    }
  }
}
