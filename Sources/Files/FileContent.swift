import Glibc
import Wire

/// A file that is read. Closes itself.
final class FileContent {
  private let descriptor: Int32
  /// When it was opened; it may grow and shrink.
  let size: Int

  /// - Parameter verb: what is done with it, for the refusal of what is no file.
  init(_ file: OpenFile, to verb: String) throws(WireRefusal) {
    if file.isDirectory { throw WireRefusal(400, "Cannot \(verb) a directory.\n") }
    guard file.status.st_mode & S_IFMT == S_IFREG else {
      throw WireRefusal(400, "Cannot \(verb) what is not a regular file.\n")
    }
    descriptor = try file.reopened(0)
    size = max(0, Int(lseek(descriptor, 0, SEEK_END)))
  }

  deinit { close(descriptor) }

  /// So many bytes, fewer at the end of the file.
  func bytes(at offset: Int, count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count, let start = buffer.baseAddress {
        let step = pread(descriptor, start + filled, count - filled, off_t(offset + filled))
        if step < 0, errno == EINTR { continue }
        if step <= 0 { break }
        filled += step
      }
    }
  }
}
