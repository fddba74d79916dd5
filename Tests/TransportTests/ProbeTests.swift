import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Testing
import Transport

/// Looking whether a server is there.
@Suite struct ProbeTests {
  @Sendable static func routes(_ router: Router) {
    func status(_ status: Int, _ location: String? = nil) -> @Sendable (Request, Responder) -> Void {
      { _, responder in
        var response = Response(.init(statusCode: status))
        if let location { response.headers.add(name: "Location", value: location) }
        responder.respond(response)
      }
    }
    for code in [200, 204, 304, 404, 503] { router.get("/\(code)", status(code)) }
    router.get("/a/absolute", status(302, "/404"))
    router.get("/a/relative", status(301, "b?c=d#e"))
    router.get("/a/b") { request, responder in
      status(request.query["c"] == "d" && request.query.count == 1 ? 200 : 500)(request, responder)
    }
    router.get("/elsewhere") { request, responder in
      status(307, request.query["to"])(request, responder)
    }
    router.get("/round", status(302, "/round"))
    router.get("/mail", status(302, "mailto:someone"))
    router.get("/secure", status(302, "https://127.0.0.1/"))
    router.get("/silent") { _, _ in }
    router.get("/o dd") { request, responder in status(request.query["x"] == " \r\nä" ? 200 : 500)(request, responder) }
  }

  /// What a probe tells.
  private func get(
    _ target: String, _ endpoint: Endpoint, by way: Probe.Way? = nil
  ) async throws -> Result<Int, HTTPClientError> {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let promise = loop.makePromise(of: Result<Int, HTTPClientError>.self)
    loop.execute { _ = Probe.get(target, of: endpoint, on: loop, by: way) { promise.succeed($0) } }
    let result = try await promise.futureResult.get()
    try await group.shutdownGracefully()
    return result
  }

  private func answer(_ target: String, _ endpoint: Endpoint, by way: Probe.Way? = nil) async throws -> Int {
    let result = try await get(target, endpoint, by: way)
    return try result.get()
  }

  private func connect(_ endpoint: Endpoint, by way: Probe.Way? = nil) async throws -> Bool {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let promise = loop.makePromise(of: Bool.self)
    loop.execute { _ = Probe.connect(to: endpoint, on: loop, by: way) { promise.succeed($0) } }
    let result = try await promise.futureResult.get()
    try await group.shutdownGracefully()
    return result
  }

  @Test(arguments: [200, 204, 304, 404, 503]) func theStatusOfTheAnswerIsTold(status: Int) async throws {
    try await withServer(routes: Self.routes) { server in
      let answered = try await answer("/\(status)", server.endpoint)
      #expect(answered == status)
    }
  }

  @Test(arguments: [("/a/absolute", 404), ("/a/relative", 200), ("/o dd?x= \r\nä", 200)])
  func redirectsAreFollowedAndPathsMayBeOdd(target: String, status: Int) async throws {
    try await withServer(routes: Self.routes) { server in
      let answered = try await answer(target, server.endpoint)
      #expect(answered == status)
    }
  }

  @Test func redirectsMayLeadElsewhere() async throws {
    try await withServer(routes: Self.routes) { first in
      try await withServer(routes: Self.routes) { second in
        for scheme in ["http:", ""] {
          let target = "/elsewhere?to=\(scheme)//user@localhost:\(second.port)/503"
          let answered = try await answer(target, first.endpoint)
          #expect(answered == 503)
        }
      }
    }
  }

  @Test(arguments: [
    ("/round", "it redirects more than 50 times"), ("/mail", "it redirects to 'mailto:someone', which is no http URL"),
    ("/secure", "it redirects to 'https://127.0.0.1/', which is no http URL"),
  ])
  func redirectsThatLeadNowhereAreFailures(target: String, problem: String) async throws {
    try await withServer(routes: Self.routes) { server in
      let result = try await get(target, server.endpoint)
      guard case .failure(let error) = result else {
        Issue.record("\(result)")
        return
      }
      #expect(error.description.hasSuffix(problem), "\(error)")
    }
  }

  @Test func nobodyListensAndSomebodyDoes() async throws {
    try await withServer(routes: Self.routes) { server in
      let isThere = try await connect(server.endpoint)
      #expect(isThere)
    }
    let (holder, port) = try Self.silentPort()
    defer { close(holder) }
    let endpoint = Endpoint(host: "127.0.0.1", port: port)
    let isThere = try await connect(endpoint)
    #expect(!isThere)
    let result = try await get("/200", endpoint)
    guard case .failure(let error) = result else {
      Issue.record("\(result)")
      return
    }
    #expect(error.code == .cannotConnect)
  }

  /// A port that is taken, but on which nobody listens, and the socket that holds it.
  private static func silentPort() throws -> (socket: CInt, port: Int) {
    let holder = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    try withUnsafeMutablePointer(to: &address) {
      try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        try #require(bind(holder, $0, length) == 0 && getsockname(holder, $0, &length) == 0)
      }
    }
    return (holder, Int(in_port_t(bigEndian: address.sin_port)))
  }

  @Test func aWayOfItsOwnIsTakenForEachConnection() async throws {
    try await withServer(routes: Self.routes) { server in
      let port = server.port
      let asked = Mutex<[String]>([])
      let way: Probe.Way = { endpoint, answer in
        asked.withLock { $0.append("\(endpoint)") }
        answer(Result { try RawConnection(port: port).takeDescriptor() })
      }
      let elsewhere = Endpoint(host: "192.0.2.1", port: 1)
      let answered = try await answer("/a/absolute", elsewhere, by: way)
      #expect(answered == 404)
      let isThere = try await connect(elsewhere, by: way)
      #expect(isThere && asked.withLock { $0 } == ["192.0.2.1:1", "192.0.2.1:1", "192.0.2.1:1"])
      struct NoWay: Error {}
      let isNot = try await connect(elsewhere, by: { _, answer in answer(.failure(NoWay())) })
      #expect(!isNot)
    }
  }

  @Test func whatIsCancelledTellsNothing() async throws {
    try await withServer(routes: Self.routes) { server in
      let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
      let loop = group.next()
      let told = Mutex(0)
      try await loop.submit {
        for target in ["/silent", "/200"] {
          Probe.get(target, of: server.endpoint, on: loop) { _ in told.withLock { $0 += 1 } }.cancel()
        }
        Probe.connect(to: server.endpoint, on: loop) { _ in told.withLock { $0 += 1 } }.cancel()
      }.get()
      // Comes after what the others would have had to tell.
      let answered = try await answer("/200", server.endpoint)
      #expect(answered == 200)
      try await group.shutdownGracefully()
      #expect(told.withLock { $0 } == 0)
    }
  }

  /// The addresses of sockets of this machine that try to connect to a port.
  private static func connecting(to port: Int) throws -> [String] {
    let table = open("/proc/self/net/tcp", O_RDONLY | O_CLOEXEC)
    defer { close(table) }
    var (text, part) = ([UInt8](), [UInt8](repeating: 0, count: 65536))
    while true {
      let count = read(table, &part, part.count)
      try #require(count >= 0)
      if count == 0 { break }
      text += part[..<count]
    }
    let lines = String(decoding: text, as: UTF8.self).split(separator: "\n").dropFirst()
    let digits = String(port, radix: 16, uppercase: true)
    let end = ":" + String(repeating: "0", count: 4 - digits.count) + digits
    // Number, own address, that of the other side, state; 02 is SYN_SENT.
    let sockets = lines.map { $0.split(separator: " ") }.filter { $0.count > 3 }
    return sockets.filter { $0[2].hasSuffix(end) && $0[3] == "02" }.map { String($0[1]) }
  }

  @Test func whatIsCancelledWhileItConnectsConnectsNoMore() async throws {
    let (listener, port) = try Self.silentPort()
    defer { close(listener) }
    // The kernel takes as many as fit, and leaves the next without an answer.
    try #require(listen(listener, 0) == 0)
    let endpoint = Endpoint(host: "127.0.0.1", port: port)
    let taken = try RawConnection(port: port)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let probes = try await loop.submit {
      NIOLoopBound(
        [Probe.connect(to: endpoint, on: loop) { _ in }, Probe.get("/", of: endpoint, on: loop) { _ in }],
        eventLoop: loop)
    }.get()
    /// Lets the loop turn until so many connections are being made, if that ever comes.
    func turn(untilConnecting count: Int) async throws -> [String] {
      for _ in 0..<1000 {
        let sockets = try Self.connecting(to: port)
        if sockets.count == count { return sockets }
        try await loop.submit {}.get()
      }
      return try Self.connecting(to: port)
    }
    let begun = try await turn(untilConnecting: 2)
    #expect(begun.count == 2)
    try await loop.submit { for probe in probes.value { probe.cancel() } }.get()
    let left = try await turn(untilConnecting: 0)
    #expect(left.isEmpty)
    try await group.shutdownGracefully()
    withExtendedLifetime(taken) {}
  }
}
