import MasterCore
import NIOCore
import Transport
import Wire

/// An event stream of the operator API (protocol fact 120).
///
/// Its first record, the state, may be long: it is written off the loop and goes out as the reader takes it. What happens
/// meanwhile waits. A reader for which too much waits is cut off; it can subscribe again and is told the state anew.
///
/// Belongs to the loop.
struct OperatorStream {
  /// May wait for a reader: there may be a thousand of them.
  static let maxQueuedBytes = 4 << 20

  let stream: HTTPStream
  let format: WireFormat

  /// Sends the state. Its length goes in front of it, so it is written twice: once to count.
  func begin(with capture: MasterCapture) {
    stream.isHolding = true
    Dump.write(to: StateOutlet(stream: stream)) { [format] sink in
      guard let sink else { return [] }
      let snapshot = capture.snapshot()
      var handedOver = 0
      let left = snapshot.writeSubscribed(format) { piece in
        handedOver += piece.count
        return true
      }
      var head: [UInt8] = Array("\(handedOver + left.count)\n".utf8)
      var isOpen = true
      let rest = snapshot.writeSubscribed(format) { piece in
        defer { head = [] }
        isOpen = sink(head + piece)
        return isOpen
      }
      return isOpen ? head + rest : []
    }
  }

  private struct StateOutlet: DumpOutlet {
    let stream: HTTPStream

    var eventLoop: any EventLoop { stream.eventLoop }

    func send(_ piece: ByteBuffer, isFirst: Bool) -> EventLoopFuture<Void> { stream.send(part: piece) }

    /// What waits must not be counted beside a state that the reader has yet to take.
    func end(_ rest: ByteBuffer, isWhole: Bool) {
      stream.send(part: rest).assumeIsolated().whenComplete { [stream] _ in stream.isHolding = false }
    }
  }
}

extension MasterDaemon {
  func openOperator(_ id: ConnectionID, _ capture: MasterCapture) {
    guard case .waiting(let responder, let format) = peers[id] else { return }
    let stream = responder.startStream(
      headers: ["Content-Type": format.rawValue], maxQueuedBytes: OperatorStream.maxQueuedBytes)
    let subscriber = OperatorStream(stream: stream, format: format)
    peers[id] = .subscriber(subscriber)
    stream.onClose { [self] in closed(id, $0) }
    subscriber.begin(with: capture)
  }

  /// Encoded once for each format.
  func send(_ event: MesosMasterEvent, to ids: [ConnectionID]) {
    var records: [WireFormat: [UInt8]] = [:]
    for id in ids {
      guard case .subscriber(let subscriber) = peers[id] else { continue }
      let record = records[subscriber.format] ?? subscriber.format.encode(event)
      records[subscriber.format] = record
      subscriber.stream.send(record: record)
    }
  }
}
