import NIOCore
import NIOPosix
import Transport

/// Runs a server with the given routes on its own event loop for the duration of `test`.
func withServer<Result>(
  processName: String? = nil, limits: HTTPServer.Limits = HTTPServer.Limits(),
  routes: @escaping @Sendable (Router) -> Void, port: Int = 0, test: (HTTPServer) async throws -> Result
) async throws -> Result {
  let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  let loop = group.next()
  do {
    let server = try await loop.flatSubmit {
      let router = Router(processName: processName)
      routes(router)
      return HTTPServer.bind(on: loop, ip: "127.0.0.1", port: port, router: router, limits: limits)
    }.get()
    let result = try await test(server)
    try await group.shutdownGracefully()
    return result
  } catch {
    try await group.shutdownGracefully()
    throw error
  }
}

/// Answers with what it was asked: method, path, sorted query, body.
@Sendable func echo(_ request: Request, _ responder: Responder) {
  let query = request.query.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
  let text = "\(request.method.rawValue) \(request.path) [\(query)] \(String(buffer: request.body))"
  responder.respond(Response(contentType: "text/plain", body: text.utf8))
}
