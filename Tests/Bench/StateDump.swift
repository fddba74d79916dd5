import Glibc

/// GET /state by a reader that only counts: what is measured is the master, not a client's parser.
struct StateDump {
  var firstByteMs = 0.0
  var totalMs = 0.0
  var bytes = 0
  var isWhole = false

  static func read(host: String, port: UInt16) throws -> StateDump {
    let begin = seconds()
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard socket >= 0 else { throw Load.Failure("no socket: \(String(cString: strerror(errno)))") }
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    inet_pton(AF_INET, host, &address.sin_addr)
    let connected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { throw Load.Failure("cannot connect: \(String(cString: strerror(errno)))") }
    let request = "GET /state HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n"
    _ = request.withCString { write(socket, $0, strlen($0)) }
    var dump = StateDump()
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var tail: [UInt8] = []
    while true {
      let count = Glibc.read(socket, &buffer, buffer.count)
      if count <= 0 { break }
      if dump.bytes == 0 { dump.firstByteMs = (seconds() - begin) * 1000 }
      dump.bytes += count
      tail = tail.suffix(16) + buffer[..<count].suffix(16)
    }
    dump.totalMs = (seconds() - begin) * 1000
    // The end of a chunked body, or the last brace of one with a length.
    dump.isWhole = tail.suffix(5).elementsEqual("0\r\n\r\n".utf8) || tail.last == UInt8(ascii: "}")
    return dump
  }

  private static func seconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
