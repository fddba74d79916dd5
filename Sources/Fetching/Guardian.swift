import Glibc

/// Watches over the work while it goes on: it ends with the agent that wanted it, and before the disk is full, so that
/// the agent and other tasks can go on writing.
struct Guardian {
  /// A socket that only the agent holds the other end of.
  private let agent: Int32
  /// On the disk that is written to.
  private let file: Int32
  private static let checkMs: Int32 = 50

  init(agent: Int32, file: Int32) {
    self.agent = agent
    self.file = file
  }

  /// Throws if the work should end.
  func check() throws(FetchFailure) {
    var item = pollfd(fd: agent, events: Int16(POLLIN), revents: 0)
    if poll(&item, 1, 0) > 0 { throw FetchFailure("the agent is gone") }
    if isDiskFull { throw .diskFull }
  }

  /// Hands on what comes out of a descriptor until its end.
  func collect(from descriptor: Int32, _ take: (ArraySlice<UInt8>) -> Void) throws(FetchFailure) {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let ready = poll(&item, 1, Self.checkMs)
      try check()
      guard ready > 0 else { continue }
      let count = read(descriptor, &buffer, buffer.count)
      if count == 0 { return }
      if count > 0 { take(buffer[..<count]) }
    }
  }

  /// A hundredth of the disk stays free, but 64 MB are enough.
  var isDiskFull: Bool {
    var disk = statvfs()
    guard fstatvfs(file, &disk) == 0 else { return false }
    let unit = UInt64(disk.f_frsize)
    let reserve = min(UInt64(disk.f_blocks) * unit / 100, 64 << 20)
    return UInt64(disk.f_bavail) * unit < reserve
  }
}
