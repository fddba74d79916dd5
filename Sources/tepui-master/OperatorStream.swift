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
final class OperatorStream {
  /// May wait for a reader: there may be a thousand of them.
  static let maxQueuedBytes = 4 << 20

  let format: WireFormat
  private let stream: HTTPStream
  /// Records that come after the state; nil once that is out.
  private var waiting: [[UInt8]]? = []
  private var waitingBytes = 0
  /// Called at most once, with how much waited, when the reader is too slow for what comes while it reads the state.
  private let onOverflow: (Int) -> Void

  init(_ stream: HTTPStream, _ format: WireFormat, onOverflow: @escaping (Int) -> Void) {
    self.stream = stream
    self.format = format
    self.onOverflow = onOverflow
  }

  /// Sends the state. Its length goes in front of it, so it is written twice: once to count.
  func begin(with capture: MasterCapture) {
    Dump.write(to: StateOutlet(stream: self, eventLoop: stream.eventLoop)) { [format] sink in
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

  func send(record: [UInt8]) {
    guard waiting != nil else { return stream.send(record: record) }
    waitingBytes += record.count
    waiting?.append(record)
    guard waitingBytes > Self.maxQueuedBytes / 2 else { return }
    waiting = []
    stream.close()
    onOverflow(waitingBytes)
  }

  func close() {
    // A record that is half out can't be ended well, but the connection can.
    stream.close()
  }

  private func stateIsOut() {
    for record in waiting ?? [] { stream.send(record: record) }
    waiting = nil
  }

  private struct StateOutlet: DumpOutlet {
    let stream: OperatorStream
    let eventLoop: any EventLoop

    func send(_ piece: ByteBuffer, isFirst: Bool) -> EventLoopFuture<Void> { stream.stream.send(part: piece) }

    func end(_ rest: ByteBuffer, isWhole: Bool) {
      _ = stream.stream.send(part: rest)
      stream.stateIsOut()
    }
  }
}

extension MasterDaemon {
  func openOperator(_ id: ConnectionID, _ capture: MasterCapture) {
    guard case .waiting(let responder, let format) = peers[id] else { return }
    let stream = responder.startStream(
      headers: ["Content-Type": format.rawValue], maxQueuedBytes: OperatorStream.maxQueuedBytes)
    let subscriber = OperatorStream(stream, format) { [weak self] bytes in
      self?.eventLoop.assumeIsolated().execute { self?.closed(id, .peerTooSlow(queuedBytes: bytes)) }
    }
    peers[id] = .subscriber(subscriber)
    stream.onClose { [self] in closed(id, $0) }
    subscriber.begin(with: capture)
  }

  /// Encoded once for each format.
  func send(_ event: MesosMasterEvent, to ids: [ConnectionID]) {
    var records: [WireFormat: [UInt8]] = [:]
    for id in ids {
      guard case .subscriber(let stream) = peers[id] else { continue }
      let record = records[stream.format] ?? stream.format.encode(event)
      records[stream.format] = record
      stream.send(record: record)
    }
  }
}
