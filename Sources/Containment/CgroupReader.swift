import Glibc
import Synchronization

/// Reads the files of one group again and again: each is opened once. A sample of a thousand containers would otherwise
/// be mostly opening and closing. Of the containment thread alone.
final class CgroupReader {
  private struct File {
    let name: [UInt8]
    /// -1: there is no such file, and in this group there will be none.
    let descriptor: Int32
  }

  private let group: String
  private let files: any CgroupFiles
  private var opened: [File] = []

  /// Descriptors of all readers together: what is left of the process' limit is for sockets and containers.
  private static let openCount = Atomic<Int>(0)
  private static let mostOpen: Int = {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
    return Int(clamping: limit.rlim_cur) / 2
  }()
  /// More files than a group has that anybody measures.
  private static let mostOfGroup = 32

  init(group: String, files: any CgroupFiles) {
    self.group = group
    self.files = files
  }

  deinit { close() }

  /// Before the group is removed, or when nobody measures it any more.
  func close() {
    for file in opened where file.descriptor >= 0 {
      Glibc.close(file.descriptor)
      Self.openCount.subtract(1, ordering: .relaxed)
    }
    opened = []
  }

  /// - Parameter prefix: of the name, for a file of a group below: "leaf/".
  func read(
    _ name: UnsafeRawBufferPointer, below prefix: StaticString = "", into buffer: UnsafeMutableRawBufferPointer
  ) -> Int? {
    guard let start = name.baseAddress else { return nil }
    for file in opened where file.name.count == name.count {
      guard memcmp(file.name, start, name.count) == 0 else { continue }
      return file.descriptor < 0 ? nil : Self.read(file.descriptor, buffer)
    }
    return readFirst(name, at: "\(group)/\(prefix)\(String(decoding: name, as: UTF8.self))", into: buffer)
  }

  private func readFirst(
    _ name: UnsafeRawBufferPointer, at path: String, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int? {
    let descriptor = files.open(path)
    guard descriptor >= 0 else {
      if descriptor == -ENOENT { keep(name, -1) }
      return descriptor == -ENOSYS ? files.read(path).map { Self.copy($0, to: buffer) } : nil
    }
    let count = Self.read(descriptor, buffer)
    if !keep(name, descriptor) { Glibc.close(descriptor) }
    return count
  }

  @discardableResult
  private func keep(_ name: UnsafeRawBufferPointer, _ descriptor: Int32) -> Bool {
    guard opened.count < Self.mostOfGroup else { return false }
    if descriptor >= 0 {
      guard Self.openCount.add(1, ordering: .relaxed).newValue <= Self.mostOpen else {
        Self.openCount.subtract(1, ordering: .relaxed)
        return false
      }
    }
    opened.append(File(name: Array(name), descriptor: descriptor))
    return true
  }

  private static func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int? {
    var length = 0
    // The kernel gives long lists, such as cgroup.procs, a page at a time.
    while length < buffer.count {
      let count = pread(descriptor, buffer.baseAddress! + length, buffer.count - length, off_t(length))
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { return nil }
      if count == 0 { break }
      length += count
      // A short answer is a whole one, but for lists.
      if count < 2048 { break }
    }
    return length
  }

  private static func copy(_ text: String, to buffer: UnsafeMutableRawBufferPointer) -> Int {
    var text = text
    return text.withUTF8 { bytes in
      let count = min(bytes.count, buffer.count)
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<count]))
      return count
    }
  }
}
