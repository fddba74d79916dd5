import Dispatch
import NIOCore
import Transport

extension Responder {
  /// Makes the answer on another thread, for what takes long or blocks, and gives it on the loop.
  func respondLater(_ make: @escaping @Sendable () -> Response) {
    let this = NIOLoopBound(self, eventLoop: eventLoop)
    let loop = eventLoop
    DispatchQueue.global().async {
      let response = make()
      loop.execute { this.value.respond(response) }
    }
  }
}
