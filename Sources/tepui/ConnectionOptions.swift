import ArgumentParser
import Daemon
import NIOCore
import NIOPosix
import SwiftProtobuf
import Transport
import Wire

/// How to reach the cluster, common to all commands.
struct ConnectionOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "The master, as host:port. Also TEPUI_MASTER.")
  var master = EnvironmentDefault.value("master", otherwise: "127.0.0.1:5050")

  /// Runs `body` with an event loop and an HTTP client of its own, which end with it.
  func withCluster<Result: Sendable>(_ body: (Cluster) async throws -> Result) async throws -> Result {
    guard let endpoint = Endpoint(master, defaultPort: 5050) else {
      throw ValidationError("--master is '\(master)'; give host:port")
    }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let result: Result
    do {
      result = try await body(Cluster(endpoint: endpoint, eventLoop: group.next()))
    } catch {
      try? await group.shutdownGracefully()
      throw error
    }
    try await group.shutdownGracefully()
    return result
  }
}

/// How to show an answer, common to the listings.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print the answer as JSON, as it came.")
  var json = false
}

/// The master and, through it, the agents.
struct Cluster: Sendable {
  let endpoint: Endpoint
  let eventLoop: any EventLoop
  private let http: AsyncHTTPClient

  init(endpoint: Endpoint, eventLoop: any EventLoop) {
    self.endpoint = endpoint
    self.eventLoop = eventLoop
    http = AsyncHTTPClient(eventLoop: eventLoop)
  }

  /// The body of a GET to the leading master.
  func master(_ target: String) async throws -> [UInt8] {
    let (response, endpoint) = try await ask { ClientRequest(.GET, $0, target) }
    return try body(of: response, endpoint, target)
  }

  /// Has the leading master do or answer what an operator asks of it.
  ///
  /// - Throws: `Failure` with the master's own words when it refuses.
  func operate(_ fill: (inout MesosMasterCall) -> Void) async throws -> MesosMasterResponse {
    let call = MesosMasterCall.with(fill)
    let format = WireFormat.protobuf.rawValue
    let (response, endpoint) = try await ask {
      ClientRequest(
        .POST, $0, "/api/v1", headers: ["Content-Type": format, "Accept": format],
        body: WireFormat.protobuf.encode(call))
    }
    switch response.status.code {
    case 200, 202: return try MesosMasterResponse(serializedBytes: response.bodyBytes, partial: true)
    default: throw Failure("the master at \(endpoint) refused: \(String(buffer: response.body))")
    }
  }

  /// Sends a request to the leading master, wherever that is.
  private func ask(_ request: (Endpoint) -> ClientRequest) async throws -> (Response, Endpoint) {
    var endpoint = endpoint
    for _ in 0..<3 {
      let response = try await http.send(request(endpoint))
      // Protocol fact 40: a master that does not lead answers 307 with `//host:port/path`.
      guard response.status == .temporaryRedirect else { return (response, endpoint) }
      let location = response.headers.first(name: "Location") ?? ""
      let authority = location.split(separator: "/").first { !$0.hasSuffix(":") }
      guard let leader = authority.flatMap({ Endpoint(String($0), defaultPort: 5050) }) else {
        throw Failure("\(endpoint) redirected to '\(location)', which names no host")
      }
      endpoint = leader
    }
    throw Failure("the masters redirect to each other; ask again when one of them leads")
  }

  func get(_ endpoint: Endpoint, _ target: String) async throws -> [UInt8] {
    try body(of: try await http.send(ClientRequest(.GET, endpoint, target)), endpoint, target)
  }

  private func body(of response: Response, _ endpoint: Endpoint, _ target: String) throws -> [UInt8] {
    guard response.status == .ok else {
      throw Failure("http://\(endpoint)\(target) answered \(response.status.code): \(String(buffer: response.body))")
    }
    return response.bodyBytes
  }
}

struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}
