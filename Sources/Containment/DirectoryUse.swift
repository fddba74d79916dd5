import Glibc

/// What the files below a directory take on its disk, as du(1) counts: blocks, each file once, links not followed, other
/// file systems left out.
///
/// Whatever runs in a sandbox may rename and replace directories during the walk: every step goes by a descriptor of the
/// directory before, so the walk stays below its start. One descriptor and a list of names a level is all that it takes,
/// however deep the tree.
struct DirectoryUse {
  private typealias Name = [CChar]

  private struct Level {
    let inode: ino_t
    var left: [Name]
  }

  private var bytes: UInt64 = 0
  private var device: dev_t = 0
  private var countedLinks: Set<ino_t> = []
  private var levels: [Level] = []

  /// Between pauses at most this many entries are looked at.
  private static let batch = 256
  private var untilPause = batch

  /// nil if the directory is not there, if it was moved during the walk, or if `pause` does not want the rest.
  static func bytes(below path: String, pause: () -> Bool) -> UInt64? {
    var use = DirectoryUse()
    return use.walk(path, pause) ? use.bytes : nil
  }

  private mutating func walk(_ path: String, _ pause: () -> Bool) -> Bool {
    var current = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard current >= 0 else { return false }
    defer { close(current) }
    var status = stat()
    guard fstat(current, &status) == 0 else { return false }
    device = status.st_dev
    bytes = UInt64(clamping: status.st_blocks) * 512
    guard enter(current, status.st_ino, pause) else { return false }
    while let level = levels.last {
      if let name = level.left.last {
        levels[levels.count - 1].left.removeLast()
        let child = openat(current, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        // Gone, replaced or shut meanwhile.
        guard child >= 0 else { continue }
        guard fstat(child, &status) == 0, status.st_dev == device else {
          close(child)
          continue
        }
        close(current)
        current = child
        guard enter(current, status.st_ino, pause) else { return false }
      } else {
        levels.removeLast()
        guard let above = levels.last else { return true }
        let parent = openat(current, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard parent >= 0 else { return false }
        close(current)
        current = parent
        guard fstat(current, &status) == 0, status.st_ino == above.inode, status.st_dev == device else { return false }
      }
    }
    return true
  }

  /// Counts what lies in a directory and remembers the directories among it.
  private mutating func enter(_ directory: Int32, _ inode: ino_t, _ pause: () -> Bool) -> Bool {
    var level = Level(inode: inode, left: [])
    let listed = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if listed >= 0, let stream = fdopendir(listed) {
      defer { closedir(stream) }
      while let entry = readdir(stream) {
        let name: Name = withUnsafeBytes(of: &entry.pointee.d_name) { name in
          name.prefix { $0 != 0 }.map(CChar.init(bitPattern:)) + [0]
        }
        let dot = CChar(UInt8(ascii: "."))
        if name == [dot, 0] || name == [dot, dot, 0] { continue }
        if count(name, in: directory) { level.left.append(name) }
        untilPause -= 1
        if untilPause == 0 {
          untilPause = Self.batch
          guard pause() else { return false }
        }
      }
    } else if listed >= 0 {
      close(listed)
    }
    levels.append(level)
    return true
  }

  /// Answers whether it is a directory to be entered.
  private mutating func count(_ name: Name, in directory: Int32) -> Bool {
    var status = stat()
    guard fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_dev == device else { return false }
    let isDirectory = status.st_mode & S_IFMT == S_IFDIR
    if !isDirectory, status.st_nlink > 1, !countedLinks.insert(status.st_ino).inserted { return false }
    bytes += UInt64(clamping: status.st_blocks) * 512
    return isDirectory
  }
}
