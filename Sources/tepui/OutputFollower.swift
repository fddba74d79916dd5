import Glibc
import NIOCore
import Transport

/// Copies stdout and stderr of a sandbox to our own while they grow, byte by byte, in parts from the agent's
/// /files/download.
///
/// Belongs to the event loop of the HTTP client.
final class OutputFollower {
  private struct Source {
    let name: String
    let descriptor: Int32
    var offset = 0
  }

  /// Between two looks at a file that did not grow.
  private static let pause = TimeAmount.milliseconds(100)
  /// Of one answer.
  private static let partBytes = 1 << 20

  private let http: HTTPClient
  private let agent: Endpoint
  private let sandbox: String
  private var sources = [
    Source(name: "stdout", descriptor: STDOUT_FILENO), Source(name: "stderr", descriptor: STDERR_FILENO),
  ]
  private var isStarted = false
  private var isStopped = false
  /// Set when the task has ended: what is there now is all there will be.
  private var finished: (() -> Void)?
  private var unfinishedSources = 2

  init(http: HTTPClient, agent: Endpoint, sandbox: String) {
    self.http = http
    self.agent = agent
    self.sandbox = sandbox
  }

  func start() {
    guard !isStarted else { return }
    isStarted = true
    for index in sources.indices { read(index) }
  }

  /// Copies what is left and then calls `done`.
  func finish(_ done: @escaping () -> Void) {
    finished = done
    start()
  }

  func stop() {
    isStopped = true
  }

  private func read(_ index: Int) {
    guard !isStopped else { return }
    let wasFinished = finished != nil
    let source = sources[index]
    let path = ClientRequest.queryEscaped("\(sandbox)/\(source.name)")
    let range = "bytes=\(source.offset)-\(source.offset + Self.partBytes - 1)"
    let request = ClientRequest(.GET, agent, "/files/download?path=\(path)", headers: ["Range": range])
    http.send(request) { [self] result in
      var copied = 0
      if case .success(let response) = result, Self.hasTurned(response, at: source.offset) {
        sources[index].offset = 0
        return read(index)
      }
      // 416 for a file that has not grown, 404 for one that is not there yet.
      if case .success(let response) = result, response.status == .partialContent {
        copied = response.body.readableBytes
        sources[index].offset += copied
        Console.write(response.bodyBytes, to: source.descriptor)
      }
      if copied > 0 {
        read(index)
      } else if wasFinished {
        endOfSource()
      } else {
        http.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) { self.read(index) }
      }
    }
  }

  /// The file is a new one: the agent bounds it, and it was full. What was not copied of the old one is left out.
  private static func hasTurned(_ response: Response, at offset: Int) -> Bool {
    guard response.status == .rangeNotSatisfiable, let range = response.headers.first(name: "Content-Range"),
      range.hasPrefix("bytes */"), let size = Int(range.dropFirst(8))
    else { return false }
    return size < offset
  }

  private func endOfSource() {
    unfinishedSources -= 1
    guard unfinishedSources == 0, let finished else { return }
    isStopped = true
    finished()
  }
}
