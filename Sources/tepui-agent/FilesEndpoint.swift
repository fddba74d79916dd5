import FoundationEssentials
import Glibc
import NIOCore
import NIOHTTP1
import Transport

/// `/files/browse`, `/files/read` and `/files/download` for sandboxes (protocol facts 114 to 116).
struct FilesEndpoint {
  private let process: AgentProcess
  /// One read gives at most so much: 16 pages.
  static let maxReadBytes = 16 * 4096
  static let maxDownloadBytes = 64 << 20

  init(_ process: AgentProcess) {
    self.process = process
  }

  func browse(_ request: Request, _ responder: Responder) {
    serve(request, responder) { path, descriptor in
      guard Self.type(of: descriptor) == S_IFDIR else { return .error(.notFound, "") }
      return .json(encode(FileAnswer.list(descriptor, path: path)))
    }
  }

  func read(_ request: Request, _ responder: Responder) {
    let (offset, length) = (request.query["offset"].map { Int($0) }, request.query["length"].map { Int($0) })
    serve(request, responder) { _, descriptor in
      // Written without a value they are -1, which stands for absent.
      let problems = [("offset", offset), ("length", length)].filter { $0.1 != nil && ($0.1.flatMap { $0 } ?? -2) < -1 }
      if let (name, _) = problems.first {
        return .error(.badRequest, "Failed to parse \(name): it must be -1 or more.\n")
      }
      guard Self.type(of: descriptor) == S_IFREG else { return .error(.badRequest, "Cannot read from a directory.\n") }
      return Self.read(descriptor, offset: offset.flatMap { $0 } ?? -1, length: length.flatMap { $0 } ?? -1)
    }
  }

  /// A `Range` of the form `bytes=from-to` gets that part alone (RFC 9110, 14): so a file can be followed byte by byte,
  /// which `read` with its text in JSON does not allow for what is no text.
  func download(_ request: Request, _ responder: Responder) {
    let range = request.headers.first(name: "Range")
    serve(request, responder) { path, descriptor in
      guard Self.type(of: descriptor) == S_IFREG else { return .error(.badRequest, "Cannot download a directory.\n") }
      let size = Int(lseek(descriptor, 0, SEEK_END))
      if let range { return Self.part(range, of: descriptor, size: size) }
      guard size <= Self.maxDownloadBytes else {
        return .error(.badRequest, "The file has \(size) bytes; read it in pieces by /files/read.\n")
      }
      let name = path.split(separator: "/").last.map(String.init) ?? "file"
      var response = Response(contentType: "application/octet-stream", body: Self.bytes(descriptor, at: 0, count: size))
      let quoted = name.filter { $0 != "\"" && $0 != "\\" && !$0.isNewline }
      response.headers.add(name: "Content-Disposition", value: "attachment; filename=\"\(quoted)\"")
      return response
    }
  }

  private static func part(_ range: String, of descriptor: Int32, size: Int) -> Response {
    let ends =
      range.hasPrefix("bytes=") ? range.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false) : []
    guard ends.count == 2, let from = Int(ends[0]), let to = ends[1].isEmpty ? size - 1 : Int(ends[1]),
      from >= 0, from <= to, from < size
    else {
      var response = Response(.rangeNotSatisfiable)
      response.headers.add(name: "Content-Range", value: "bytes */\(size)")
      return response
    }
    let bytes = bytes(descriptor, at: from, count: min(min(to, size - 1) - from + 1, maxDownloadBytes))
    var response = Response(.partialContent, contentType: "application/octet-stream", body: bytes)
    response.headers.add(name: "Content-Range", value: "bytes \(from)-\(from + bytes.count - 1)/\(size)")
    return response
  }

  /// Opens what the request names and answers with what `answer` makes of it, on another thread.
  private func serve(
    _ request: Request, _ responder: Responder, _ answer: @escaping @Sendable (String, Int32) -> Response
  ) {
    guard let path = request.query["path"], !path.isEmpty else {
      responder.respond(.error(.badRequest, "Expecting 'path=value' in query.\n"))
      return
    }
    let (workDirectory, agentID) = (process.setup.workDirectory, process.agentID)
    responder.respondLater {
      let sandboxPath = SandboxPath(path, workDirectory: workDirectory, agentID: agentID)
      guard let descriptor = sandboxPath?.open() else { return .error(.notFound, "") }
      defer { close(descriptor) }
      return answer(path, descriptor)
    }
  }

  private static func type(of descriptor: Int32) -> mode_t {
    var status = stat()
    return fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : 0
  }

  private struct ReadAnswer: Encodable {
    var data: String
    var offset: Int
  }

  private static func read(_ descriptor: Int32, offset: Int, length: Int) -> Response {
    let size = Int(lseek(descriptor, 0, SEEK_END))
    guard offset >= 0, offset < size else { return .json(encode(ReadAnswer(data: "", offset: size))) }
    let wanted = min(length < 0 ? maxReadBytes : length, maxReadBytes, size - offset)
    let bytes = self.bytes(descriptor, at: offset, count: wanted)
    return .json(encode(ReadAnswer(data: SandboxText.text(bytes), offset: offset)))
  }

  private static func bytes(_ descriptor: Int32, at offset: Int, count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let step = bytes.withUnsafeMutableBytes { buffer in
        pread(descriptor, buffer.baseAddress.map { $0 + filled }, count - filled, off_t(offset + filled))
      }
      if step <= 0 { break }
      filled += step
    }
    return Array(bytes[..<filled])
  }
}
