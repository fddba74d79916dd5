import NIOCore
import NIOPosix
import Transport

/// Runs a client on an event loop of its own for the duration of `test`.
func withClient<Result>(
  limits: HTTPClient.Limits = HTTPClient.Limits(), test: (AsyncHTTPClient) async throws -> Result
) async throws -> Result {
  let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  do {
    let result = try await test(AsyncHTTPClient(eventLoop: group.next(), limits: limits))
    try await group.shutdownGracefully()
    return result
  } catch {
    try await group.shutdownGracefully()
    throw error
  }
}

extension HTTPServer {
  var endpoint: Endpoint { Endpoint(host: ip, port: port) }
}
