import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// An HTTP/1.1 server on one event loop: every handler runs there, so handlers need no locks.
public struct HTTPServer: Sendable {
  /// Limits that keep one peer from costing much. All are per connection.
  public struct Limits: Sendable {
    /// Larger request bodies get 413. dpark sends 50 MB in one call.
    public var maxBodyBytes = 128 << 20
    /// Bytes that may wait for a peer that does not read its stream.
    public var maxQueuedBytes = 64 << 20
    /// In which a peer must take a piece of an answer that is sent in pieces.
    public var pieceTimeout = TimeAmount.seconds(30)
    /// From connecting to the end of the first request's head.
    public var headTimeout = TimeAmount.seconds(30)
    /// Between two portions of a request body.
    public var bodyTimeout = TimeAmount.seconds(30)
    /// Between two requests.
    public var idleTimeout = TimeAmount.minutes(10)

    public init() {}
  }

  /// The address that the server listens at; with port 0 asked for, `port` is the one that the system chose.
  public let ip: String
  public let port: Int
  private let channel: any Channel

  /// Starts listening. Must be called on `eventLoop`, to which the router and its handlers belong.
  public static func bind(
    on eventLoop: any EventLoop, ip: String, port: Int, router: Router, limits: Limits = Limits()
  ) -> EventLoopFuture<HTTPServer> {
    let context = NIOLoopBound(ServerConnection.Shared(router: router, limits: limits), eventLoop: eventLoop)
    let address: SocketAddress
    do { address = try SocketAddress(ipAddress: ip, port: port) } catch {
      return eventLoop.makeFailedFuture(BindError(ip: ip, port: port, reason: "this is not an IP address"))
    }
    return ServerBootstrap(group: eventLoop)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try TCPKeepalive.enable(on: channel)
          try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: false)
          try channel.pipeline.syncOperations.addHandler(ServerConnection(context.value, channel: channel))
        }
      }
      .bind(to: address)
      .map { HTTPServer(ip: ip, port: $0.localAddress?.port ?? port, channel: $0) }
      .flatMapErrorThrowing { throw BindError(ip: ip, port: port, reason: describe($0)) }
  }

  /// Stops listening. Connections that are open stay.
  public func close() -> EventLoopFuture<Void> { channel.close() }
}

/// Why a server cannot listen.
public struct BindError: Error, CustomStringConvertible {
  public let ip: String
  public let port: Int
  public let reason: String

  public var description: String { "cannot listen at \(ip):\(port): \(reason)" }
}

/// What an I/O error means, without the name of the type that carries it.
func describe(_ error: any Error) -> String {
  if let error = error as? IOError { return String(cString: strerror(error.errnoCode)) }
  return String(describing: error)
}
