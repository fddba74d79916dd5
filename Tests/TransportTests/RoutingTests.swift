import Testing
import Transport

/// Which handler a request reaches, and what it says where there is none.
@Suite struct RoutingTests {
  @Sendable static func routes(_ router: Router) {
    router.post("/api/v1/scheduler", echo)
    router.post("/api/v1", echo)
    router.get("/state", echo)
    router.get("/", echo)
  }

  private func answer(_ requestLine: String, body: String = "") async throws -> String {
    try await withServer(processName: "slave(1)", routes: Self.routes) { server in
      let head = "\(requestLine) HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
      return withoutDate(try exchange(head + body, port: server.port))
    }
  }

  @Test(arguments: [
    ("POST /api/v1/scheduler", "POST /api/v1/scheduler [] "),
    ("POST /api/v1/operator", "POST /api/v1/operator [] "),
    ("POST /api/v1/scheduler/a/b", "POST /api/v1/scheduler/a/b [] "),
    ("GET /state/", "GET /state [] "),
    ("GET /state///?", "GET /state [] "),
    ("GET /slave(1)/state", "GET /state [] "),
    ("GET /slave%281%29/state/", "GET /state [] "),
    ("GET /slave(1)", "GET / [] "),
    ("GET /", "GET / [] "),
    ("GET http://host:5050/state?a=b", "GET /state [a=b] "),
    ("GET /state?a=%2Fx%20y&b&c=1=2;d=+", "GET /state [a=/x y,b=,c=1=2,d= ] "),
  ])
  func requestReachesTheHandlerOfItsLongestPrefix(requestLine: String, echoed: String) async throws {
    #expect(try await answer(requestLine).hasSuffix("\r\n\r\n" + echoed))
  }

  @Test(arguments: ["GET /nope", "GET /slave(1)/nope", "GET /slave(1)x/state", "GET /statement", "GET /api"])
  func unknownPathIsNotFound(requestLine: String) async throws {
    #expect(
      try await answer(requestLine)
        == "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\n"
        + "Connection: close\r\n\r\n404 Not Found.")
  }

  @Test func wrongMethodNamesTheRightOne() async throws {
    let answer = try await answer("DELETE /api/v1/scheduler")
    #expect(answer.hasPrefix("HTTP/1.1 405 Method Not Allowed\r\n"))
    #expect(answer.contains("\r\nAllow: POST\r\n"))
    #expect(answer.hasSuffix("405 Method Not Allowed. Expecting one of { 'POST' }, but received 'DELETE'."))
  }

  @Test(arguments: ["GET /state?a=%4", "GET /%zz", "GET state"])
  func brokenTargetIsABadRequest(requestLine: String) async throws {
    #expect(try await answer(requestLine).hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
  }
}
