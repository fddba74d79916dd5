import Glibc
import Testing

/// A plain blocking TCP connection, to say exactly the bytes that a test wants said.
final class RawConnection {
  private var socket: Int32

  init(port: Int) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    try #require(socket >= 0)
    var patience = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(result == 0, "connect to port \(port): \(String(cString: strerror(errno)))")
  }

  deinit { if socket >= 0 { close(socket) } }

  /// Gives the connection away: it is the caller's to close.
  func takeDescriptor() -> CInt {
    defer { socket = -1 }
    return socket
  }

  func send(_ text: String) throws {
    try send(Array(text.utf8))
  }

  func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      try #require(count > 0, "send: \(String(cString: strerror(errno)))")
      sent += count
    }
  }

  /// What has come by the time that `isEnough` says so, or that the peer closes.
  func read(until isEnough: (String) -> Bool = { _ in false }) throws -> String {
    var received: [UInt8] = []
    var portion = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = recv(socket, &portion, portion.count, 0)
      if count < 0 && errno == ECONNRESET { break }
      try #require(
        count >= 0, "no answer: \(String(cString: strerror(errno))), got \(String(decoding: received, as: UTF8.self))")
      if count == 0 { break }
      received += portion[..<count]
      if isEnough(String(decoding: received, as: UTF8.self)) { break }
    }
    return String(decoding: received, as: UTF8.self)
  }

  /// Reads what has come and forgets it; how much it was, 0 when the peer has closed.
  func readPortion() throws -> Int {
    var portion = [UInt8](repeating: 0, count: 65536)
    let count = recv(socket, &portion, portion.count, 0)
    if count < 0 && errno == ECONNRESET { return 0 }
    try #require(count >= 0, "no answer: \(String(cString: strerror(errno)))")
    return count
  }

  /// Closes with a reset in place of an orderly end, as a crashed or firewalled host seems to.
  func reset() {
    var atOnce = linger(l_onoff: 1, l_linger: 0)
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &atOnce, socklen_t(MemoryLayout<linger>.size))
    close(socket)
    socket = -1
  }

  /// Closes at once, as a process that is killed does.
  func disconnect() {
    shutdown(socket, Int32(SHUT_RDWR))
  }
}

/// Says `request` on a connection of its own and reads until the server closes.
func exchange(_ request: String, port: Int) throws -> String {
  let connection = try RawConnection(port: port)
  try connection.send(request)
  return try connection.read()
}

/// The answer with its `Date`, which no test can know, taken out.
func withoutDate(_ answer: String) -> String {
  answer.split(separator: "\r\n", omittingEmptySubsequences: false).filter { !$0.hasPrefix("Date: ") }
    .joined(separator: "\r\n")
}
