import Glibc
import NIOCore

/// Lets the kernel find peers that vanished without a word: after a minute of silence it probes four times, 15 s apart.
enum TCPKeepalive {
  static func enable(on channel: any Channel) throws {
    guard let options = channel.syncOptions else { return }
    try options.setOption(.socketOption(.so_keepalive), value: 1)
    try options.setOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: 60)
    try options.setOption(.tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: 15)
    try options.setOption(.tcpOption(.init(rawValue: TCP_KEEPCNT)), value: 4)
  }
}
