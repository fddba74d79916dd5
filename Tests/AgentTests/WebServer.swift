import NIOCore
import NIOPosix
import Synchronization
import Transport

/// A web server on loopback that counts what it is asked for.
final class WebServer: Sendable {
  let port: Int
  private let counts = Mutex<[String: Int]>([:])
  private let contents = Mutex<[String: [UInt8]]>([:])
  private let held = Mutex<[NIOLoopBound<Responder>]>([])

  /// Paths begin with a way to answer: `/files/` with what was put there, `/held/` when it is released, `/never/` with
  /// silence, `/loop/` with a redirect to itself, `/moved/` with a redirect to `/files/`.
  static func start() async throws -> WebServer {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let shared = Shared()
    let server = try await loop.flatSubmit {
      let router = Router()
      for way in ["/files", "/held", "/never", "/loop", "/moved"] {
        router.get(way) { request, responder in
          shared.handler.withLock { $0 }(request, NIOLoopBound(responder, eventLoop: loop))
        }
      }
      return HTTPServer.bind(on: loop, ip: "127.0.0.1", port: 0, router: router)
    }.get()
    let web = WebServer(port: server.port)
    shared.handler.withLock { $0 = { request, responder in web.answer(request, responder) } }
    return web
  }

  private final class Shared: Sendable {
    let handler = Mutex<@Sendable (Request, NIOLoopBound<Responder>) -> Void>({ _, _ in })
  }

  private init(port: Int) { self.port = port }

  func uri(_ path: String) -> String { "http://127.0.0.1:\(port)\(path)" }

  func put(_ name: String, _ bytes: [UInt8]) { contents.withLock { $0[name] = bytes } }

  func requests(_ path: String) -> Int { counts.withLock { $0[path, default: 0] } }

  /// Answers what waits below `/held/`.
  func release() {
    let responders = held.withLock { held in
      defer { held = [] }
      return held
    }
    for responder in responders {
      responder.eventLoop.execute {
        responder.value.respond(Response(contentType: "text/plain", body: Array("late".utf8)))
      }
    }
  }

  private func answer(_ request: Request, _ responder: NIOLoopBound<Responder>) {
    counts.withLock { $0[request.path, default: 0] += 1 }
    let name = request.path.split(separator: "/").last.map(String.init) ?? ""
    if request.path.hasPrefix("/files/") {
      guard let bytes = contents.withLock({ $0[name] }) else { return responder.value.respond(.error(.notFound)) }
      responder.value.respond(Response(contentType: "application/octet-stream", body: bytes))
    } else if request.path.hasPrefix("/held/") {
      held.withLock { $0.append(responder) }
    } else if request.path.hasPrefix("/loop/") {
      responder.value.respond(.temporaryRedirect(to: uri(request.path)))
    } else if request.path.hasPrefix("/moved/") {
      responder.value.respond(.temporaryRedirect(to: uri("/files/\(name)")))
    }
  }
}
