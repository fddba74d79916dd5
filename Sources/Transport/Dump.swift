import Dispatch
import NIOCore
import NIOHTTP1

/// Where a dump goes. Belongs to the loop.
public protocol DumpOutlet {
  var eventLoop: any EventLoop { get }
  /// Completed when the reader has taken it, failed when it will take no more.
  func send(_ piece: ByteBuffer, isFirst: Bool) -> EventLoopFuture<Void>
  /// - Parameter isWhole: nothing was sent before.
  func end(_ rest: ByteBuffer, isWhole: Bool)
}

/// Answers whose bodies are written off the loop, by code that hands over pieces as it goes through much that it shows; for
/// what can be asked for its next piece, there is `BodyInPieces`. A short answer goes out as a whole; of a long one a few
/// pieces at a time wait for the reader, so that neither the loop nor the memory is held by it.
public final class Dump: @unchecked Sendable {
  /// Takes a piece and says whether anybody still wants the rest.
  public typealias Sink = (_ piece: [UInt8]) -> Bool

  private static let queue = DispatchQueue(label: "org.tepui.dumps", attributes: .concurrent)
  /// One writes at a time, so that the loop keeps a core; who waits for a reader lets the next one write.
  private static let turn = DispatchSemaphore(value: 1)

  private let outlet: NIOLoopBound<any DumpOutlet>
  /// Of pieces that may be on their way to the reader: enough to go on while the loop is busy with others for some time.
  private let slots = DispatchSemaphore(value: 16)
  /// Belongs to the writing thread.
  private var hasBegun = false
  /// Set on the loop before a slot is given back, read after one was taken.
  private var isBroken = false

  private init(_ outlet: any DumpOutlet) {
    self.outlet = NIOLoopBound(outlet, eventLoop: outlet.eventLoop)
  }

  /// - Parameter write: writes the body, its pieces to the sink, and returns the rest.
  public static func answer(
    _ responder: Responder, isHead: Bool, contentType: String, _ write: @escaping @Sendable (Sink?) -> [UInt8]
  ) {
    Dump.write(to: BodyOutlet(responder: responder, contentType: contentType), inPieces: !isHead, write)
  }

  public static func write(
    to outlet: any DumpOutlet, inPieces: Bool = true, _ write: @escaping @Sendable (Sink?) -> [UInt8]
  ) {
    let dump = Dump(outlet)
    queue.async {
      turn.wait()
      let sink: Sink? = inPieces ? { dump.send($0) } : nil
      let rest = write(sink)
      turn.signal()
      dump.end(rest)
    }
  }

  /// For an answer that is made as a whole.
  public static func answer(_ responder: Responder, _ make: @escaping @Sendable () -> Response) {
    let answer = NIOLoopBound(responder, eventLoop: responder.eventLoop)
    queue.async {
      turn.wait()
      let response = make()
      turn.signal()
      answer.eventLoop.execute { answer.value.respond(response) }
    }
  }

  private func send(_ piece: [UInt8]) -> Bool {
    if slots.wait(timeout: .now()) == .timedOut {
      Self.turn.signal()
      slots.wait()
      Self.turn.wait()
    }
    if isBroken {
      // A semaphore must have all that it began with when it goes.
      slots.signal()
      return false
    }
    let isFirst = !hasBegun
    hasBegun = true
    let piece = ByteBuffer(bytes: piece)
    outlet.eventLoop.execute { [self] in
      outlet.value.send(piece, isFirst: isFirst).assumeIsolated().whenComplete { [self] result in
        if case .failure = result { isBroken = true }
        slots.signal()
      }
    }
    return true
  }

  private func end(_ rest: [UInt8]) {
    let piece = ByteBuffer(bytes: rest)
    outlet.eventLoop.execute { [self] in outlet.value.end(piece, isWhole: !hasBegun) }
  }
}

/// The body of an answer.
private struct BodyOutlet: DumpOutlet {
  let responder: Responder
  let contentType: String

  var eventLoop: any EventLoop { responder.eventLoop }

  func send(_ piece: ByteBuffer, isFirst: Bool) -> EventLoopFuture<Void> {
    if isFirst { responder.startBody(headers: ["Content-Type": contentType]) }
    return responder.send(piece)
  }

  func end(_ rest: ByteBuffer, isWhole: Bool) {
    if isWhole { return responder.respond(Response(.ok, headers: ["Content-Type": contentType], body: rest)) }
    _ = responder.send(rest)
    responder.endBody()
  }
}
