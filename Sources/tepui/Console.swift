import Glibc

/// Our own output, unbuffered.
enum Console {
  /// A line for people on standard error.
  static func say(_ line: String) {
    write(Array("tepui: \(line)\n".utf8), to: STDERR_FILENO)
  }

  /// Writes all of `bytes`. A reader that has gone takes nothing more; that is no failure of ours.
  static func write(_ bytes: [UInt8], to descriptor: Int32) {
    bytes.withUnsafeBytes { bytes in
      var written = 0
      while written < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
        guard count > 0 || errno == EINTR else { return }
        written += max(0, count)
      }
    }
  }
}
