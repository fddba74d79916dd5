import Glibc
import Wire

/// A file or directory that is shown. It is opened only as a place: a device or a pipe that a task has made notices
/// nothing of it. Closes itself.
public final class OpenFile: Sendable {
  /// O_PATH, which the Glibc module does not show; the number is that of all architectures that Swift runs on.
  public static let asPlace: Int32 = 0o10_000_000

  /// A descriptor made with O_PATH; it ends with this object.
  public let place: Int32
  /// What it is.
  public let status: stat
  private let follow: @Sendable (String) -> stat?

  /// - Parameters:
  ///   - descriptor: made with O_PATH; given away.
  ///   - follow: what a symbolic link in this directory leads to; nil if that is not shown.
  /// - Throws: when nothing can be said of what is open.
  public init(_ descriptor: Int32, follow: @escaping @Sendable (String) -> stat? = { _ in nil }) throws(WireRefusal) {
    var status = stat()
    guard descriptor >= 0, fstat(descriptor, &status) == 0 else {
      if descriptor >= 0 { close(descriptor) }
      throw .notFound
    }
    place = descriptor
    self.status = status
    self.follow = follow
  }

  deinit { close(place) }

  public var isDirectory: Bool { status.st_mode & S_IFMT == S_IFDIR }

  /// What an entry of this directory is, after links if they lead to what is shown. Nil if there is none.
  ///
  /// - Parameter name: with the zero at the end.
  func status(ofEntry name: [CChar]) -> stat? {
    var status = stat()
    guard fstatat(place, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
    guard status.st_mode & S_IFMT == S_IFLNK else { return status }
    let text = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    return follow(text) ?? status
  }

  /// Opens it for reading; the descriptor is the caller's.
  func reopened(_ flags: Int32) throws(WireRefusal) -> Int32 {
    let path = "/proc/self/fd/\(place)"
    let reading = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags)
    guard reading >= 0 else { throw WireRefusal(500, "Failed to open file: \(String(cString: strerror(errno))).\n") }
    return reading
  }
}

extension WireRefusal {
  /// As Mesos says of a file that is not shown: without a word.
  public static let notFound = WireRefusal(404, "")
}

/// The files that a daemon shows, by the paths that requests have for them.
public protocol FileCatalogue: Sendable {
  /// Blocks.
  func open(_ path: String) throws(WireRefusal) -> OpenFile
}
