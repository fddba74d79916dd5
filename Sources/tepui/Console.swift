import Glibc

/// Our own output, unbuffered.
enum Console {
  /// A line for people on standard error.
  static func say(_ line: String) {
    write("tepui: \(line)\n", to: STDERR_FILENO)
  }

  /// Writes all of `text`. A reader that has gone takes nothing more; that is no failure of ours.
  static func write(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
      var written = 0
      while written < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
        guard count > 0 || errno == EINTR else { return }
        written += max(0, count)
      }
    }
  }
}
