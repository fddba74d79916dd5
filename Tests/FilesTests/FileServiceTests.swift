import Files
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing
import Transport
import Wire

/// One directory, shown as /shown; nothing else.
private struct Directory: FileCatalogue {
  let path: String

  func open(_ path: String) throws(WireRefusal) -> OpenFile {
    guard path == "/shown" || path.hasPrefix("/shown/") else { throw .notFound }
    return try OpenFile(Glibc.open(self.path + path.dropFirst("/shown".count), OpenFile.asPlace | O_CLOEXEC))
  }
}

@Suite struct FileServiceTests {
  private let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "tepui-files-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: "\(path)/sub", withIntermediateDirectories: true)
    try write("hello world", to: "text")
  }

  private func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: URL(filePath: "\(path)/\(name)"))
  }

  /// Runs `test` with a client of a server that shows the directory.
  private func serving(
    _ limits: HTTPServer.Limits = HTTPServer.Limits(), _ test: (AsyncHTTPClient, Endpoint) async throws -> Void
  ) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let directory = Directory(path: path)
    let server = try await loop.flatSubmit {
      let router = Router()
      let service = FileService {
        directory
      } attached: {
        ["/shown": directory.path, "/gone": "/nowhere"]
      }
      service.addRoutes(to: router)
      router.on("/list") { request, responder in
        service.list(request.query["path"] ?? "", responder) { infos in
          .json(Array(infos.map(\.path).joined(separator: " ").utf8))
        }
      }
      router.on("/part") { request, responder in
        let offset = request.query["offset"].flatMap { UInt64($0) } ?? 0
        let length = request.query["length"].flatMap { UInt64($0) }
        service.read(request.query["path"] ?? "", offset: offset, length: length, responder) { size, bytes in
          .json(Array("\(size) \(String(decoding: bytes, as: UTF8.self))".utf8))
        }
      }
      return HTTPServer.bind(on: loop, ip: "127.0.0.1", port: 0, router: router, limits: limits)
    }.get()
    var largeAnswers = HTTPClient.Limits()
    largeAnswers.maxBodyBytes = 128 << 20
    do {
      try await test(
        AsyncHTTPClient(eventLoop: loop, limits: largeAnswers), Endpoint(host: "127.0.0.1", port: server.port))
      try await group.shutdownGracefully()
    } catch {
      try await group.shutdownGracefully()
      throw error
    }
    try FileManager.default.removeItem(atPath: path)
  }

  private static let answers: [(target: String, status: Int, text: String)] = [
    ("/files/read?path=/shown/text&offset=0", 200, #"{"data":"hello world","offset":0}"#),
    ("/files/read?path=/shown/text&offset=6&length=3", 200, #"{"data":"wor","offset":6}"#),
    ("/files/read?path=/shown/text", 200, #"{"data":"","offset":11}"#),
    ("/files/read?path=/shown/text&offset=-1&length=-1", 200, #"{"data":"","offset":11}"#),
    ("/files/read?path=/shown/text&offset=4&length=-1", 200, #"{"data":"o world","offset":4}"#),
    ("/files/read?path=/shown/text&offset=4&length=0", 200, #"{"data":"","offset":4}"#),
    ("/files/read?path=/shown/text&offset=99", 200, #"{"data":"","offset":99}"#),
    ("/files/read?path=/shown/text&offset=0&length=5&jsonp=f", 200, #"f({"data":"hello","offset":0})"#),
    ("/files/read?path=/shown/text&jsonp=f()", 400, "'jsonp' must be the name of a function"),
    ("/files/read?path=/shown/text&offset=-2", 400, "Negative offset provided: -2.\n"),
    ("/files/read?path=/shown/text&length=-7", 400, "Negative length provided: -7.\n"),
    ("/files/read?path=/shown/text&offset=x", 400, "Failed to parse offset: Failed to convert 'x' to number.\n"),
    ("/files/read?path=/shown/sub&offset=0", 400, "Cannot read a directory.\n"),
    ("/files/read?path=/shown/none&offset=0", 404, ""),
    ("/files/read", 400, "Expecting 'path=value' in query.\n"),
    ("/files/browse?path=", 400, "Expecting 'path=value' in query.\n"),
    ("/files/browse?path=/", 404, ""),
    ("/files/browse?path=/shown/text", 200, "[]"),
    ("/files/browse?path=/shown/sub", 200, "[]"),
    ("/files/download?path=/shown/sub", 400, "Cannot download a directory.\n"),
    ("/files/download?path=/shown/none", 404, ""),
    ("/files/download?path=/shown/text", 200, "hello world"),
    ("/part?path=/shown/text", 200, "11 hello world"),
    ("/part?path=/shown/text&offset=6&length=2", 200, "11 wo"),
    ("/part?path=/shown/text&offset=18446744073709551615", 200, "11 "),
    ("/part?path=/shown/text&length=18446744073709551615", 200, "11 hello world"),
    ("/part?path=/shown/sub", 400, "Cannot read a directory.\n"),
    ("/list?path=/shown/", 200, "/shown/sub /shown/text"),
    ("/list?path=/none", 404, ""),
  ]

  @Test func answersAreThoseOfMesos() async throws {
    try await serving { client, endpoint in
      for (target, status, text) in Self.answers {
        let answer = try await client.send(ClientRequest(.GET, endpoint, target))
        #expect(Int(answer.status.code) == status && String(buffer: answer.body) == text, "\(target): \(answer)")
      }
      let debug = try await client.send(ClientRequest(.GET, endpoint, "/files/debug"))
      #expect(String(buffer: debug.body) == #"{"/shown":"\#(path)"}"#)
    }
  }

  @Test func entriesAreDescribed() async throws {
    chmod("\(path)/text", 0o640)
    // Later than a number of nanoseconds can say.
    let far = timespec(tv_sec: 13_569_465_600, tv_nsec: 0)
    try #require(utimensat(AT_FDCWD, "\(path)/sub", [far, far], 0) == 0)
    try await serving { client, endpoint in
      let answer = try await client.send(ClientRequest(.GET, endpoint, "/files/browse?path=/shown"))
      let entries = try #require(
        try JSONSerialization.jsonObject(with: Data(answer.bodyBytes)) as? [[String: Any]])
      #expect(entries.map { $0["path"] as? String } == ["/shown/sub", "/shown/text"])
      #expect(entries[0]["mtime"] as? Double ?? 0 > 9e9)
      #expect(entries.map { ($0["mode"] as? String)?.first } == ["d", "-"])
      let text = entries[1]
      #expect(text["mode"] as? String == "-rw-r-----" && text["size"] as? Int == 11 && text["nlink"] as? Int == 1)
      #expect(text["uid"] as? String != "" && text["gid"] as? String != "" && text["mtime"] as? Double ?? 0 > 1e9)
      let head = try await client.send(ClientRequest(.HEAD, endpoint, "/files/browse?path=/shown"))
      #expect(head.headers.first(name: "Content-Length") == String(answer.body.readableBytes))
    }
  }

  /// As many as a task likes to make.
  @Test func aLongListingComesInPieces() async throws {
    for index in 0..<2500 { try write("", to: "sub/\(index)") }
    try await serving { client, endpoint in
      let answer = try await client.send(ClientRequest(.GET, endpoint, "/files/browse?path=/shown/sub&jsonp=f"))
      #expect(answer.headers.first(name: "Transfer-Encoding") == "chunked")
      let text = String(buffer: answer.body)
      try #require(text.hasPrefix("f([") && text.hasSuffix("])"))
      let entries = try JSONSerialization.jsonObject(with: Data(text.dropFirst(2).dropLast().utf8)) as? [[String: Any]]
      #expect(Set(entries?.compactMap { $0["path"] as? String } ?? []).count == 2500)
    }
  }

  @Test func bytesThatAreNoTextAreDownloadedAsTheyAre() async throws {
    var generator = SystemRandomNumberGenerator()
    let bytes = (0..<700_001).map { _ in UInt8.random(in: 0...255, using: &generator) }
    try Data(bytes).write(to: URL(filePath: "\(path)/a \"b\""))
    try await serving { client, endpoint in
      let target = "/files/download?path=/shown/a%20%22b%22"
      let whole = try await client.send(ClientRequest(.GET, endpoint, target))
      #expect(whole.status == .ok && whole.bodyBytes == bytes)
      #expect(whole.headers.first(name: "Content-Length") == "700001")
      #expect(whole.headers.first(name: "Content-Disposition") == #"attachment; filename="a b""#)
      let head = try await client.send(ClientRequest(.HEAD, endpoint, target))
      #expect(head.headers.first(name: "Content-Length") == "700001" && head.body.readableBytes == 0)
      let part = try await client.send(
        ClientRequest(.GET, endpoint, target, headers: ["Range": "bytes=300000-699999"]))
      #expect(part.status == .partialContent && part.bodyBytes == Array(bytes[300_000...699_999]))
      #expect(part.headers.first(name: "Content-Range") == "bytes 300000-699999/700001")
      let beyond = try await client.send(
        ClientRequest(.GET, endpoint, target, headers: ["Range": "bytes=700001-"]))
      #expect(beyond.status == .rangeNotSatisfiable)
      #expect(beyond.headers.first(name: "Content-Range") == "bytes */700001")
    }
  }

  @Test func whatIsNoFileIsNotOpened() async throws {
    // Opening it for reading would wait for a writer.
    try #require(mkfifo("\(path)/pipe", 0o600) == 0)
    try await serving { client, endpoint in
      let answer = try await client.send(ClientRequest(.GET, endpoint, "/files/download?path=/shown/pipe"))
      #expect(answer.status == .badRequest)
      #expect(String(buffer: answer.body) == "Cannot download what is not a regular file.\n")
    }
  }
}
