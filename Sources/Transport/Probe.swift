import NIOCore
import NIOHTTP1
import NIOPosix

/// One look at whether a server is there, over connections of its own. Belongs to its event loop.
///
/// It takes as long as it takes; who does not want to wait longer cancels it.
public final class Probe {
  /// Opens a connection to where a plain one would lead elsewhere: answers with a connected socket, on any thread.
  public typealias Way = @Sendable (Endpoint, _ answer: @escaping @Sendable (Result<CInt, any Error>) -> Void) -> Void

  private let eventLoop: any EventLoop
  private let way: Way?
  /// Until it is connected.
  private var connecting: (any Channel)?
  private var connection: ClientConnection?
  private var isOver = false

  /// Longer than the kernel tries.
  private static let connectTimeout = TimeAmount.minutes(5)
  /// That of curl.
  private static let redirectLimit = 50

  private init(on eventLoop: any EventLoop, by way: Way?) {
    self.eventLoop = eventLoop
    self.way = way
  }

  /// Ends it; nothing is told any more.
  public func cancel() {
    isOver = true
    connecting?.close(promise: nil)
    connecting = nil
    connection?.close()
    connection = nil
  }

  /// Notes what is to be closed by `cancel` even before it is connected; called on the event loop.
  private var began: @Sendable (any Channel) -> Void {
    let this = NIOLoopBound(self, eventLoop: eventLoop)
    return { this.value.connecting = $0 }
  }

  // MARK: TCP

  /// Connects, and tells whether that worked.
  public static func connect(
    to endpoint: Endpoint, on eventLoop: any EventLoop, by way: Way? = nil, _ completion: @escaping (Bool) -> Void
  ) -> Probe {
    let probe = Probe(on: eventLoop, by: way)
    let began = probe.began
    let bootstrap = ClientBootstrap(group: eventLoop)
      .connectTimeout(connectTimeout)
      .channelInitializer { channel in
        began(channel)
        return channel.eventLoop.makeSucceededVoidFuture()
      }
    bootstrap.channel(to: endpoint, on: eventLoop, by: way).assumeIsolated().whenComplete { result in
      let channel = try? result.get()
      channel?.close(promise: nil)
      probe.connecting = nil
      guard !probe.isOver else { return }
      probe.isOver = true
      completion(channel != nil)
    }
    return probe
  }

  // MARK: HTTP

  /// Sends a GET, follows redirects, and tells the status of the last answer. Of answers only the heads are waited for.
  ///
  /// - Parameter target: path and query; what may not stand there is escaped.
  public static func get(
    _ target: String, of endpoint: Endpoint, on eventLoop: any EventLoop, by way: Way? = nil,
    _ completion: @escaping (Result<Int, HTTPClientError>) -> Void
  ) -> Probe {
    let probe = Probe(on: eventLoop, by: way)
    probe.send(request(target, of: endpoint), redirects: 0, completion)
    return probe
  }

  private static func request(_ target: String, of endpoint: Endpoint) -> ClientRequest {
    let path = target.hasPrefix("/") ? target : "/\(target)"
    return ClientRequest(
      .GET, endpoint, ClientRequest.targetEscaped(path),
      headers: ["User-Agent": "tepui", "Accept": "*/*", "Connection": "close"])
  }

  private func send(
    _ request: ClientRequest, redirects: Int, _ completion: @escaping (Result<Int, HTTPClientError>) -> Void
  ) {
    ClientConnection.connect(
      to: request.endpoint, on: eventLoop, timeout: Self.connectTimeout, by: way, began: began
    ) { [self] result in
      connecting = nil
      switch result {
      case .failure(let error):
        if !isOver { finish(.failure(.cannotConnect(request, error)), completion) }
      case .success(let connection):
        guard !isOver else { return connection.close() }
        self.connection = connection
        connection.start(
          Exchange(request) { [self] event in
            // Of an answer that redirected nothing more is of interest.
            guard !isOver, self.connection === connection else { return }
            switch event {
            case .head(let head): take(head, of: request, redirects: redirects, completion)
            case .failed(let error): finish(.failure(error), completion)
            case .body, .end: break
            }
          })
      }
    }
  }

  private func take(
    _ head: HTTPResponseHead, of request: ClientRequest, redirects: Int,
    _ completion: @escaping (Result<Int, HTTPClientError>) -> Void
  ) {
    let status = Int(head.status.code)
    guard (300..<400).contains(status), let location = head.headers.first(name: "Location") else {
      return finish(.success(status), completion)
    }
    guard redirects < Self.redirectLimit, let (endpoint, target) = Self.resolve(location, from: request) else {
      let problem =
        redirects < Self.redirectLimit
        ? "it redirects to '\(location)', which is no http URL" : "it redirects more than \(Self.redirectLimit) times"
      return finish(.failure(HTTPClientError(.malformedAnswer, request, problem)), completion)
    }
    let answered = connection
    connection = nil
    answered?.close()
    send(Self.request(target, of: endpoint), redirects: redirects + 1, completion)
  }

  private func finish(
    _ result: Result<Int, HTTPClientError>, _ completion: (Result<Int, HTTPClientError>) -> Void
  ) {
    cancel()
    completion(result)
  }

  /// Where a redirect leads; nil if that is no place for plain HTTP.
  static func resolve(_ location: String, from request: ClientRequest) -> (Endpoint, target: String)? {
    let reference = location.prefix { $0 != "#" }
    let authority: Substring
    if reference.lowercased().hasPrefix("http://") {
      authority = reference.dropFirst(7)
    } else if reference.hasPrefix("//") {
      authority = reference.dropFirst(2)
    } else if reference.prefix(while: { $0 != "/" && $0 != "?" }).contains(":") {
      return nil
    } else {
      return (request.endpoint, resolve(reference, from: request.target))
    }
    let host = authority.prefix { $0 != "/" && $0 != "?" }
    let name = host.split(separator: "@", omittingEmptySubsequences: false).last.map(String.init) ?? ""
    guard let endpoint = Endpoint(name, defaultPort: 80) else { return nil }
    return (endpoint, String(authority.dropFirst(host.count)))
  }

  private static func resolve(_ reference: Substring, from target: String) -> String {
    if reference.hasPrefix("/") { return String(reference) }
    let path = target.prefix { $0 != "?" }
    if reference.isEmpty || reference.hasPrefix("?") { return String(path + reference) }
    let folder = path[...(path.lastIndex(of: "/") ?? path.startIndex)]
    return String(folder + reference)
  }
}
