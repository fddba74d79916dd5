import AgentCore
import NIOCore
import NIOHTTP1
import Transport
import Wire

/// Open exchanges with executors: requests that wait for an answer, and streams.
final class ExecutorConnections {
  private struct Waiting {
    let responder: Responder
    let format: WireFormat
  }

  private struct Open {
    let stream: HTTPStream
    let format: WireFormat
  }

  private var waiting: [ExchangeID: Waiting] = [:]
  private var streams: [ExchangeID: Open] = [:]
  private var lastID: ExchangeID = 0

  /// - Parameter format: of the events, if the request is a SUBSCRIBE.
  func add(_ responder: Responder, format: WireFormat) -> ExchangeID {
    lastID += 1
    waiting[lastID] = Waiting(responder: responder, format: format)
    return lastID
  }

  func respond(_ exchange: ExchangeID, status: Int, text: String) {
    guard let request = waiting.removeValue(forKey: exchange) else { return }
    let status = HTTPResponseStatus(statusCode: status)
    request.responder.respond(text.isEmpty ? Response(status) : .error(status, text))
  }

  /// - Parameter onClose: called when the executor goes away, not after `close`.
  func open(_ exchange: ExchangeID, onClose: @escaping () -> Void) {
    guard let request = waiting.removeValue(forKey: exchange) else { return }
    // Protocol fact 11.
    let stream = request.responder.startStream(headers: ["Content-Type": request.format.rawValue])
    streams[exchange] = Open(stream: stream, format: request.format)
    stream.onClose { [self] _ in
      streams[exchange] = nil
      onClose()
    }
  }

  func send(_ event: ExecutorEvent, to exchange: ExchangeID) {
    guard let open = streams[exchange] else { return }
    open.stream.send(record: open.format.encode(event))
  }

  func close(_ exchange: ExchangeID) {
    streams.removeValue(forKey: exchange)?.stream.close()
  }
}
