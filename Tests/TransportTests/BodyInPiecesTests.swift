import NIOCore
import NIOHTTP1
import Synchronization
import Testing
import Transport

@Suite struct BodyInPiecesTests {
  /// Bodies by the path that asks for them.
  private func serving(_ test: (AsyncHTTPClient, HTTPServer) async throws -> Void) async throws {
    let routes = { @Sendable (router: Router) in
      router.get("/whole") { request, responder in
        responder.respondInPieces(isHead: request.method == .HEAD) {
          BodyInPieces(headers: ["Content-Type": "text/plain"]) { .last(Array("all".utf8)) }
        }
      }
      for (path, length) in [("/chunked", nil), ("/long", 30)] as [(String, Int?)] {
        router.get(path) { request, responder in
          responder.respondInPieces(isHead: request.method == .HEAD) {
            var count = 0
            return BodyInPieces(.partialContent, headers: [:], length: length) {
              count += 1
              return count < 3 ? .more(Array("0123456789".utf8)) : .last(Array("abcdefghij".utf8))
            }
          }
        }
      }
      router.get("/broken") { _, responder in
        responder.respondInPieces {
          var count = 0
          return BodyInPieces(headers: [:], length: 20) {
            count += 1
            return count == 1 ? .more(Array("0123456789".utf8)) : .broken
          }
        }
      }
      router.get("/refused") { _, responder in
        responder.respondInPieces { BodyInPieces(headers: [:], length: 20) { .broken } }
      }
    }
    try await withServer(routes: routes) { server in
      try await withClient { try await test($0, server) }
    }
  }

  @Test func whatIsShortIsSentAsAWholeAndWhatIsLongInPieces() async throws {
    try await serving { client, server in
      let whole = try await client.send(ClientRequest(.GET, server.endpoint, "/whole"))
      #expect(whole.headers.first(name: "Content-Length") == "3" && String(buffer: whole.body) == "all")
      for (path, header, value) in [
        ("/chunked", "Transfer-Encoding", "chunked"), ("/long", "Content-Length", "30"),
      ] {
        let answer = try await client.send(ClientRequest(.GET, server.endpoint, path))
        #expect(answer.status == .partialContent && answer.headers.first(name: header) == value)
        #expect(String(buffer: answer.body) == "01234567890123456789abcdefghij")
        // The connection is good for more.
        let head = try await client.send(ClientRequest(.HEAD, server.endpoint, path))
        #expect(head.status == .partialContent && head.body.readableBytes == 0)
        #expect(head.headers.first(name: "Content-Length") == "30")
      }
    }
  }

  @Test func aBodyThatCannotBeCompletedIsSeenToBeBroken() async throws {
    try await serving { client, server in
      let answer = try exchange("GET /broken HTTP/1.1\r\nHost: x\r\n\r\n", port: server.port)
      #expect(answer.contains("Content-Length: 20\r\n") && answer.hasSuffix("\r\n\r\n0123456789"))
      #expect(try await client.send(ClientRequest(.GET, server.endpoint, "/refused")).status == .internalServerError)
    }
  }

  /// How far the maker of a body got, and whether it was let go.
  private final class Progress: Sendable {
    let made = Atomic(0)
    let taken = Atomic(0)
    let mostAhead = Atomic(0)
    let isDropped = Atomic(false)
  }

  private final class Owner {
    let progress: Progress
    init(_ progress: Progress) { self.progress = progress }
    deinit { progress.isDropped.store(true, ordering: .relaxed) }
  }

  private func servingPieces(
    _ count: Int, _ progress: Progress, _ test: (HTTPServer) async throws -> Void
  ) async throws {
    let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 256 << 10)
    let routes = { @Sendable (router: Router) in
      router.get("/") { _, responder in
        responder.respondInPieces {
          let owner = Owner(progress)
          var left = count
          return BodyInPieces(headers: [:]) {
            left -= 1
            let made = owner.progress.made.add(piece.count, ordering: .relaxed).newValue
            let ahead = made - owner.progress.taken.load(ordering: .relaxed)
            owner.progress.mostAhead.store(
              max(ahead, owner.progress.mostAhead.load(ordering: .relaxed)), ordering: .relaxed)
            return left > 0 ? .more(piece) : .last(piece)
          }
        }
      }
    }
    try await withServer(routes: routes) { try await test($0) }
  }

  @Test func aSlowReaderKeepsTheMakerWaiting() async throws {
    let progress = Progress()
    try await servingPieces(800, progress) { server in
      let connection = try RawConnection(port: server.port)
      try connection.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      while true {
        let portion = try connection.readPortion()
        if portion == 0 { break }
        progress.taken.add(portion, ordering: .relaxed)
      }
      #expect(progress.made.load(ordering: .relaxed) == 800 * 256 << 10)
      #expect(progress.taken.load(ordering: .relaxed) > 800 * 256 << 10)
      // What the sockets hold, and a piece or two.
      #expect(progress.mostAhead.load(ordering: .relaxed) < 32 << 20)
    }
  }

  @Test func aReaderThatGoesAwayEndsTheMaking() async throws {
    let progress = Progress()
    try await servingPieces(1_000_000, progress) { server in
      let connection = try RawConnection(port: server.port)
      try connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
      _ = try connection.readPortion()
      connection.disconnect()
      while !progress.isDropped.load(ordering: .relaxed) { try await Task.sleep(for: .milliseconds(5)) }
      #expect(progress.made.load(ordering: .relaxed) < 1_000_000 * 256 << 10)
    }
  }
}
