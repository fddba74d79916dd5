import NIOCore

/// The body of an answer that stays open: records go out as they come.
///
/// What is sent within one turn of the event loop leaves in one chunk. Belongs to the server's event loop.
public final class HTTPStream {
  public enum CloseReason: Sendable, Equatable {
    /// The peer closed the connection, or it broke.
    case peerClosed
    /// The peer did not read: this many bytes waited for it when the limit was passed.
    case peerTooSlow(queuedBytes: Int)
  }

  public let eventLoop: any EventLoop
  private let maxQueuedBytes: Int
  /// Nil as soon as either side has closed.
  private var connection: ServerConnection?
  private var pending = ByteBuffer()
  private var flushScheduled = false
  private var closeReason: CloseReason?
  private var closeCallback: ((CloseReason) -> Void)?

  init(connection: ServerConnection?, eventLoop: any EventLoop, maxQueuedBytes: Int) {
    self.eventLoop = eventLoop
    self.maxQueuedBytes = maxQueuedBytes
    self.connection = connection
    if connection == nil { closeReason = .peerClosed }
  }

  public var isOpen: Bool { connection != nil }

  /// Set while a long record goes out in parts: what is sent meanwhile waits, and it alone counts for the limit.
  public var isHolding = false {
    didSet { scheduleFlush() }
  }

  /// Sends one record, framed as RecordIO. Nothing happens once the stream is closed.
  ///
  /// - Parameter record: the encoded message; an empty one is not sent, since a record is never empty (protocol fact 16).
  public func send(record: [UInt8]) {
    guard connection != nil, !record.isEmpty else { return }
    RecordIO.append(record, to: &pending)
    scheduleFlush()
  }

  /// Sends bytes as they are.
  public func send(_ bytes: some Sequence<UInt8>) {
    guard connection != nil else { return }
    pending.writeBytes(bytes)
    scheduleFlush()
  }

  /// Sends a part of a record that is too long to be held as a whole; the record's length goes in front, with the first
  /// part. Completed when the socket has taken it, which is the time for the next part; failed when the stream is closed,
  /// as it is when the peer takes too long for a part.
  public func send(part: ByteBuffer) -> EventLoopFuture<Void> {
    flush()
    guard let connection else { return eventLoop.makeFailedFuture(ChannelError.alreadyClosed) }
    return connection.sendPart(part)
  }

  /// Sends what is pending and not held, ends the body and closes the connection. `onClose` is not called for it.
  public func close() {
    guard let connection else { return }
    flush()
    // The flush may have found the peer too slow.
    guard self.connection != nil else { return }
    self.connection = nil
    closeCallback = nil
    connection.endStream()
  }

  /// Sets what is called, once, when the stream ends for any other reason than the own `close()`: at once when the
  /// peer disconnects, never from within `send`. Called also if it ended before this was set.
  public func onClose(_ callback: @escaping (CloseReason) -> Void) {
    closeCallback = callback
    if let closeReason { notify(closeReason) }
  }

  /// The connection is gone.
  func peerClosed() { closed(.peerClosed) }

  private func closed(_ reason: CloseReason) {
    guard connection != nil else { return }
    connection = nil
    pending.clear(minimumCapacity: 0)
    closeReason = reason
    notify(reason)
  }

  /// By way of the loop, so that no caller of `send` is re-entered.
  private func notify(_ reason: CloseReason) {
    guard let callback = closeCallback else { return }
    closeCallback = nil
    eventLoop.assumeIsolated().execute { callback(reason) }
  }

  private func scheduleFlush() {
    guard !flushScheduled else { return }
    flushScheduled = true
    eventLoop.assumeIsolated().execute { [self] in
      flushScheduled = false
      flush()
    }
  }

  private func flush() {
    guard let connection, pending.readableBytes > 0 else { return }
    let queuedBytes = (isHolding ? 0 : connection.queuedBytes) + pending.readableBytes
    if queuedBytes > maxQueuedBytes {
      closed(.peerTooSlow(queuedBytes: queuedBytes))
      connection.abort()
      return
    }
    if isHolding { return }
    connection.sendChunk(pending)
    pending = ByteBuffer()
  }
}
