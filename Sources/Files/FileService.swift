import Glibc
import NIOHTTP1
import Transport
import Wire

/// `/files/browse`, `/files/read`, `/files/download` and `/files/debug`, and the calls LIST_FILES and READ_FILE of the
/// operator API (protocol facts 114 to 116). Files are looked at on other threads.
///
/// Belongs to the server's event loop.
public struct FileService {
  /// One read gives at most so much: 16 pages.
  static let maxReadBytes = 16 * 4096
  private static let pieceBytes = 256 << 10
  private static let pieceEntries = 1000

  private let catalogue: () -> any FileCatalogue
  private let attached: () -> [String: String]

  /// - Parameters:
  ///   - catalogue: what there is at the moment.
  ///   - attached: the real path of each that requests may name.
  public init(catalogue: @escaping () -> any FileCatalogue, attached: @escaping () -> [String: String]) {
    self.catalogue = catalogue
    self.attached = attached
  }

  public func addRoutes(to router: Router) {
    router.get("/files/browse", browse)
    router.get("/files/read", read)
    router.get("/files/download", download)
    router.get("/files/debug", debug)
  }

  // MARK: Operator API

  /// - Parameter encode: makes the answer; called on another thread.
  public func list(
    _ path: String, _ responder: Responder, _ encode: @escaping @Sendable ([MesosFileInfo]) -> Response
  ) {
    let catalogue = catalogue()
    responder.respondLater {
      Self.answer { () throws(WireRefusal) in
        let listing = try FileListing(try catalogue.open(path), path: path)
        return encode(listing.entries(0..<listing.count))
      }
    }
  }

  /// - Parameter encode: makes the answer of the size of the file and what was read; called on another thread.
  public func read(
    _ path: String, offset: UInt64, length: UInt64?, _ responder: Responder,
    _ encode: @escaping @Sendable (Int, [UInt8]) -> Response
  ) {
    let catalogue = catalogue()
    responder.respondLater {
      Self.answer { () throws(WireRefusal) in
        let file = try FileContent(try catalogue.open(path), to: "read")
        return encode(file.size, Self.part(of: file, Int(clamping: offset), length.map { Int(clamping: $0) }))
      }
    }
  }

  private static func part(of file: FileContent, _ offset: Int, _ length: Int?) -> [UInt8] {
    guard offset < file.size else { return [] }
    return file.bytes(at: offset, count: min(length ?? maxReadBytes, maxReadBytes, file.size - offset))
  }

  private static func answer(_ make: () throws(WireRefusal) -> Response) -> Response {
    do { return try make() } catch { return refused(error) }
  }

  private static func refused(_ refusal: WireRefusal) -> Response {
    .error(HTTPResponseStatus(statusCode: refusal.status), refusal.text)
  }

  // MARK: Endpoints

  /// The path that a request names; nil after it was refused.
  private func path(_ request: Request, _ responder: Responder) -> (path: String, jsonp: JSONP)? {
    guard let path = request.query["path"], !path.isEmpty else {
      responder.respond(.error(.badRequest, "Expecting 'path=value' in query.\n"))
      return nil
    }
    guard let jsonp = JSONP(request) else {
      responder.respond(JSONP.refusal)
      return nil
    }
    return (path, jsonp)
  }

  /// A long listing goes out in pieces: how many files there are is the task's choice.
  private func browse(_ request: Request, _ responder: Responder) {
    guard let (path, jsonp) = path(request, responder) else { return }
    let catalogue = catalogue()
    responder.respondInPieces(isHead: request.method == .HEAD) {
      let listing: FileListing
      do throws(WireRefusal) { listing = try FileListing(try catalogue.open(path), path: path) } catch {
        return BodyInPieces(Self.refused(error))
      }
      var next = 0
      return BodyInPieces(headers: ["Content-Type": jsonp.contentType]) {
        var json = JSONWriter(after: next == 0 ? jsonp.prefix + "[" : "")
        let range = next..<min(next + Self.pieceEntries, listing.count)
        var bytes = json.bytes
        for (index, entry) in listing.entries(range).enumerated() {
          json = JSONWriter()
          entry.write(to: &json)
          bytes += (next + index == 0 ? "" : ",").utf8 + json.bytes
        }
        next = range.upperBound
        return next < listing.count ? .more(bytes) : .last(bytes + "]".utf8 + jsonp.suffix.utf8)
      }
    }
  }

  private func read(_ request: Request, _ responder: Responder) {
    guard let (path, jsonp) = path(request, responder) else { return }
    let (offset, length): (Int?, Int?)
    do throws(WireRefusal) {
      offset = try Self.number("offset", request)
      length = try Self.number("length", request)
    } catch { return responder.respond(Self.refused(error)) }
    let catalogue = catalogue()
    responder.respondLater {
      Self.answer { () throws(WireRefusal) in
        let file = try FileContent(try catalogue.open(path), to: "read")
        var json = JSONWriter()
        json.object { json in
          json.member("data", FileText.text(offset.map { Self.part(of: file, $0, length) } ?? []))
          json.member("offset", offset ?? file.size)
        }
        return jsonp.response(json.bytes)
      }
    }
  }

  /// nil for -1, too, which stands for absent.
  private static func number(_ name: String, _ request: Request) throws(WireRefusal) -> Int? {
    guard let text = request.query[name] else { return nil }
    guard let number = Int(text) else {
      throw WireRefusal(400, "Failed to parse \(name): Failed to convert '\(text)' to number.\n")
    }
    if number < -1 { throw WireRefusal(400, "Negative \(name) provided: \(number).\n") }
    return number == -1 ? nil : number
  }

  /// A `Range` of the form `bytes=from-to` gets that part alone (RFC 9110, 14): so a file can be followed byte by byte,
  /// which `read` with its text in JSON does not allow for what is no text.
  private func download(_ request: Request, _ responder: Responder) {
    guard let (path, _) = path(request, responder) else { return }
    let (catalogue, range) = (catalogue(), request.headers.first(name: "Range"))
    responder.respondInPieces(isHead: request.method == .HEAD) {
      do throws(WireRefusal) {
        let file = try FileContent(try catalogue.open(path), to: "download")
        guard let range else { return Self.whole(file, path) }
        return Self.part(range, of: file)
      } catch { return BodyInPieces(Self.refused(error)) }
    }
  }

  private static func whole(_ file: FileContent, _ path: String) -> BodyInPieces {
    let name = path.split(separator: "/").last.map(String.init) ?? "file"
    let quoted = name.filter { $0 != "\"" && $0 != "\\" && !$0.isNewline }
    let headers: HTTPHeaders = [
      "Content-Type": "application/octet-stream", "Content-Disposition": "attachment; filename=\"\(quoted)\"",
    ]
    return pieces(of: file, 0..<file.size, .ok, headers)
  }

  private static func part(_ range: String, of file: FileContent) -> BodyInPieces {
    let ends =
      range.hasPrefix("bytes=") ? range.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false) : []
    guard ends.count == 2, let from = Int(ends[0]), let to = ends[1].isEmpty ? file.size - 1 : Int(ends[1]),
      from >= 0, from <= to, from < file.size
    else {
      return BodyInPieces(Response(.rangeNotSatisfiable, headers: ["Content-Range": "bytes */\(file.size)"]))
    }
    let last = min(to, file.size - 1)
    let headers: HTTPHeaders = [
      "Content-Type": "application/octet-stream", "Content-Range": "bytes \(from)-\(last)/\(file.size)",
    ]
    return pieces(of: file, from..<last + 1, .partialContent, headers)
  }

  /// What was promised is sent even if the file grows meanwhile; if it shrinks the body breaks off.
  private static func pieces(
    of file: FileContent, _ range: Range<Int>, _ status: HTTPResponseStatus, _ headers: HTTPHeaders
  ) -> BodyInPieces {
    var offset = range.lowerBound
    return BodyInPieces(status, headers: headers, length: range.count) {
      let wanted = min(pieceBytes, range.upperBound - offset)
      let bytes = file.bytes(at: offset, count: wanted)
      if bytes.count < wanted { return .broken }
      offset += wanted
      return offset < range.upperBound ? .more(bytes) : .last(bytes)
    }
  }

  private func debug(_ request: Request, _ responder: Responder) {
    guard let jsonp = JSONP(request) else { return responder.respond(JSONP.refusal) }
    let attached = attached()
    responder.respondLater {
      var json = JSONWriter()
      json.object { json in
        for (path, real) in attached.sorted(by: { $0.key < $1.key }) where access(real, F_OK) == 0 {
          json.name(path)
          json.value(real)
        }
      }
      return jsonp.response(json.bytes)
    }
  }
}
