import Dispatch
import NIOCore
import NIOHTTP1

/// An answer that is made piece by piece.
public struct BodyInPieces {
  public enum Piece: Sendable {
    case more([UInt8])
    case last([UInt8])
    /// What was begun cannot be completed.
    case broken
  }

  var status: HTTPResponseStatus
  var headers: HTTPHeaders
  var length: Int?
  let next: () -> Piece

  /// - Parameters:
  ///   - length: of all pieces together; nil if it is not known before they are made.
  ///   - next: blocks as it needs to; never called by two threads at once, nor after the last piece.
  public init(
    _ status: HTTPResponseStatus = .ok, headers: HTTPHeaders, length: Int? = nil, _ next: @escaping () -> Piece
  ) {
    self.status = status
    self.headers = headers
    self.length = length
    self.next = next
  }

  /// One that is held as a whole.
  public init(_ response: Response) {
    let bytes = response.bodyBytes
    self.init(response.status, headers: response.headers) { .last(bytes) }
  }

  /// How long it is, found out by making all of it.
  fileprivate var measuredLength: Int? {
    if let length { return length }
    var sum = 0
    while true {
      switch next() {
      case .more(let bytes): sum += bytes.count
      case .last(let bytes): return sum + bytes.count
      case .broken: return nil
      }
    }
  }
}

/// Sends the pieces of one answer.
final class PieceWriter: @unchecked Sendable {
  private let responder: NIOLoopBound<Responder>
  private let isHead: Bool
  /// Belongs to the thread that makes pieces, of which there is one at a time.
  private var body: BodyInPieces?
  /// Belongs to the loop.
  private var hasBegun = false

  init(_ responder: Responder, isHead: Bool) {
    self.responder = NIOLoopBound(responder, eventLoop: responder.eventLoop)
    self.isHead = isHead
  }

  func start(_ make: @escaping @Sendable () -> BodyInPieces) {
    DispatchQueue.global().async { [self] in
      var body = make()
      if isHead {
        body.length = body.measuredLength
        return onLoop(body, .last([]))
      }
      self.body = body
      step()
    }
  }

  private func step() {
    guard let body else { return }
    let piece = body.next()
    if case .more = piece {} else { self.body = nil }
    onLoop(body, piece)
  }

  private func onLoop(_ body: BodyInPieces, _ piece: BodyInPieces.Piece) {
    let (status, length) = (body.status, body.length)
    var headers = body.headers
    if let length { headers.replaceOrAdd(name: "Content-Length", value: String(length)) }
    let head = (status, headers)
    responder.eventLoop.execute { [self] in send(piece, head) }
  }

  private func send(_ piece: BodyInPieces.Piece, _ head: (HTTPResponseStatus, HTTPHeaders)) {
    let responder = responder.value
    switch piece {
    case .last(let bytes) where !hasBegun && !isHead:
      responder.respond(Response(head.0, headers: head.1, body: ByteBuffer(bytes: bytes)))
    case .broken where !hasBegun:
      responder.respond(.error(.internalServerError))
    case .more(let bytes):
      begin(head)
      responder.send(ByteBuffer(bytes: bytes)).assumeIsolated().whenComplete { [self] result in
        // A reader that is gone wants no more.
        if case .success = result { DispatchQueue.global().async { self.step() } }
      }
    case .last(let bytes):
      begin(head)
      if !bytes.isEmpty { _ = responder.send(ByteBuffer(bytes: bytes)) }
      responder.endBody()
    case .broken: responder.abortBody()
    }
  }

  private func begin(_ head: (HTTPResponseStatus, HTTPHeaders)) {
    guard !hasBegun else { return }
    hasBegun = true
    responder.value.startBody(head.0, headers: head.1)
  }
}
