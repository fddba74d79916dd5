import AgentCore
import Containment
import Glibc

/// Makes and removes directories of persistent volumes, and links to them. Blocks. Never follows a symbolic link that a
/// task may have made.
struct Volumes {
  /// Makes what is not there yet, and puts away what is to be removed: that is quick, and a crash leaves either all of it
  /// or nothing to be done again.
  static func change(
    make made: [VolumeDirectory], remove removed: [VolumeDirectory], operation: String
  ) throws(FileError) {
    for volume in made {
      if volume.isWholeDisk {
        guard access(volume.path, F_OK) == 0 else { throw FileError("find the disk", volume.path) }
      } else {
        try Directories.make(volume.path, mode: 0o755)
      }
    }
    for (index, volume) in removed.enumerated() {
      let aside = "\(volume.trash)/\(operation)-\(index)"
      // Then it is done, and what lies there is the next volume of this name.
      if access(aside, F_OK) == 0 { continue }
      try Directories.make(volume.trash, mode: 0o700)
      if volume.isWholeDisk {
        try putAwayContent(of: volume, as: aside)
      } else {
        guard rename(volume.path, aside) == 0 || errno == ENOENT else { throw FileError("put away", volume.path) }
      }
    }
  }

  /// A mounted disk can't be moved, so all that is on it is. It has its last name only when all of it is there.
  private static func putAwayContent(of volume: VolumeDirectory, as aside: String) throws(FileError) {
    let partial = "\(aside).partial"
    try Directories.make(partial, mode: 0o700)
    try DirectoryTree.move(from: volume.path, to: partial, besides: volume.trash)
    guard rename(partial, aside) == 0 else { throw FileError("put away what is on", volume.path) }
  }

  /// Deletes what was put away, but not what is of these operations.
  static func deleteRemoved(in trash: String, keeping operations: Set<String>) throws(FileError) {
    try DirectoryTree.empty(trash) { name in operations.contains { name.hasPrefix($0) } }
  }

  // MARK: Links

  /// Puts links to volumes into a sandbox; those that are there already stay.
  static func link(_ volumes: [VolumeLink], into sandbox: String, for owner: UserAccount?) throws(FileError) {
    try give(volumes, to: owner)
    for volume in volumes { try link(volume, into: sandbox, for: owner) }
  }

  static func give(_ volumes: [VolumeLink], to owner: UserAccount?) throws(FileError) {
    guard let owner else { return }
    for volume in volumes { try give(volume, to: owner) }
  }

  /// The volume belongs to whom the sandbox does, as in Mesos; a shared one to its first user.
  private static func give(_ volume: VolumeLink, to owner: UserAccount) throws(FileError) {
    let directory = open(volume.source, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard directory >= 0 else { throw FileError("open the volume", volume.source) }
    defer { close(directory) }
    var status = stat()
    guard fstat(directory, &status) == 0 else { throw FileError("look at the volume", volume.source) }
    if status.st_uid == owner.uid && status.st_gid == owner.gid { return }
    if volume.isShared && status.st_uid != geteuid() { return }
    guard fchown(directory, owner.uid, owner.gid) == 0 else { throw FileError("give away the volume", volume.source) }
  }

  static func link(_ volume: VolumeLink, into sandbox: String, for owner: UserAccount?) throws(FileError) {
    guard access(volume.source, F_OK) == 0 else { throw FileError("find the volume", volume.source) }
    let parts = volume.containerPath.split(separator: "/").map(String.init)
    guard let name = parts.last else { throw FileError("'\(volume.containerPath)' is no path for a volume") }
    let path = "\(sandbox)/\(volume.containerPath)"
    var parent = open(sandbox, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard parent >= 0 else { throw FileError("open the sandbox", sandbox) }
    defer { close(parent) }
    for part in parts.dropLast() {
      let isNew = mkdirat(parent, part, 0o755) == 0
      guard isNew || errno == EEXIST else { throw FileError("make the parent of", path) }
      let child = openat(parent, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      guard child >= 0 else { throw FileError("open the parent of", path) }
      close(parent)
      parent = child
      if isNew, let owner, fchown(child, owner.uid, owner.gid) != 0 { throw FileError("give away the parent of", path) }
    }
    if symlinkat(volume.source, parent, name) == 0 { return }
    guard errno == EEXIST, target(of: name, in: parent) == volume.source else {
      throw FileError("make the link to the volume", path)
    }
  }

  private static func target(of name: String, in parent: Int32) -> String? {
    var text = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = readlinkat(parent, name, &text, text.count)
    return length >= 0 ? String(decoding: text.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
  }
}
