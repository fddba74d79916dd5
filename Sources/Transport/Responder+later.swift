import Dispatch
import NIOCore

extension Responder {
  /// Makes the answer on another thread, for what takes long or blocks, and gives it on the loop.
  public func respondLater(_ make: @escaping @Sendable () -> Response) {
    let this = NIOLoopBound(self, eventLoop: eventLoop)
    let loop = eventLoop
    DispatchQueue.global().async {
      let response = make()
      loop.execute { this.value.respond(response) }
    }
  }

  /// Answers with a body whose pieces are made on another thread, each when the socket has taken the one before: neither
  /// the loop nor the memory is held by it, and a slow reader waits for itself.
  ///
  /// - Parameter body: made on that thread, as its pieces are.
  public func respondInPieces(isHead: Bool = false, _ body: @escaping @Sendable () -> BodyInPieces) {
    PieceWriter(self, isHead: isHead).start(body)
  }
}
