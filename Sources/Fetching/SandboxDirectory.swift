import Glibc

/// The sandbox, or a directory made in it. Nothing is reached through a symbolic link, which an archive may have put
/// there.
final class SandboxDirectory {
  let descriptor: Int32
  private let path: String
  private var temporaries = 0

  init(path: String) throws(FetchFailure) {
    self.path = path
    descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { throw FetchFailure(cannot: "open the directory \(path)") }
  }

  private init(_ descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit { close(descriptor) }

  /// Opens a directory in it and makes it if it is missing.
  func directory(_ name: String) throws(FetchFailure) -> SandboxDirectory {
    let path = "\(path)/\(name)"
    guard mkdirat(descriptor, name, 0o755) == 0 || errno == EEXIST else {
      throw FetchFailure(cannot: "make the directory \(path)")
    }
    let next = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard next >= 0 else { throw FetchFailure(cannot: "open the directory \(path)") }
    return SandboxDirectory(next, path: path)
  }

  // MARK: Files

  /// Has `fill` write a file and gives it its name only when all of it is there.
  func write(
    _ name: String, mode: mode_t, _ fill: (Int32) throws(FetchFailure) -> Void
  ) throws(FetchFailure) {
    let temporary = temporaryName()
    let file = openat(descriptor, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw FetchFailure(cannot: "make a file in \(path)") }
    defer { close(file) }
    do throws(FetchFailure) {
      try fill(file)
      guard fchmod(file, mode) == 0, renameat(descriptor, temporary, descriptor, name) == 0 else {
        throw FetchFailure(cannot: "make the file \(path)/\(name)")
      }
    } catch {
      unlinkat(descriptor, temporary, 0)
      throw error
    }
  }

  func openFile(_ name: String) throws(FetchFailure) -> Int32 {
    let file = openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    guard file >= 0 else { throw FetchFailure(cannot: "open \(path)/\(name)") }
    return file
  }

  private func temporaryName() -> String {
    while true {
      temporaries += 1
      let name = ".tepui-fetch-\(temporaries)"
      if faccessat(descriptor, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 { return name }
    }
  }

  // MARK: Trees

  /// Has `fill` put things into an empty directory and then moves them here: what is unpacked there cannot meet a link
  /// that was here before.
  func unpack(_ fill: (_ path: String) throws(FetchFailure) -> Void) throws(FetchFailure) {
    let name = temporaryName()
    guard mkdirat(descriptor, name, 0o700) == 0 else { throw FetchFailure(cannot: "make a directory in \(path)") }
    let temporary = try directory(name)
    do throws(FetchFailure) {
      try fill("\(path)/\(name)")
    } catch {
      // Half an archive is of no use, and its space may be needed.
      temporary.removeAll()
      unlinkat(descriptor, name, AT_REMOVEDIR)
      throw error
    }
    try temporary.moveAll(into: self)
    unlinkat(descriptor, name, AT_REMOVEDIR)
  }

  private func moveAll(into target: SandboxDirectory) throws(FetchFailure) {
    for entry in try entries() {
      if renameat(descriptor, entry.name, target.descriptor, entry.name) == 0 { continue }
      let code = errno
      // Directories become one; of files the new one stays.
      if entry.isDirectory && (code == ENOTEMPTY || code == EEXIST) {
        try subdirectory(entry).moveAll(into: try target.subdirectory(entry))
        unlinkat(descriptor, entry.name, AT_REMOVEDIR)
      } else if entry.isDirectory && code == EACCES {
        try moveProtected(entry, into: target)
      } else {
        throw FetchFailure(cannot: "put '\(entry.text)' of the archive into \(target.path)", code: code)
      }
    }
  }

  /// The kernel moves a directory only if it may be written to, since its parent is noted in it.
  private func moveProtected(_ entry: Entry, into target: SandboxDirectory) throws(FetchFailure) {
    let directory = try subdirectory(entry)
    var status = stat()
    guard fstat(directory.descriptor, &status) == 0, status.st_mode & 0o200 == 0,
      fchmod(directory.descriptor, status.st_mode & 0o777 | 0o200) == 0,
      renameat(descriptor, entry.name, target.descriptor, entry.name) == 0,
      fchmod(directory.descriptor, status.st_mode & 0o777) == 0
    else { throw FetchFailure(cannot: "put '\(entry.text)' of the archive into \(target.path)", code: EACCES) }
  }

  private func subdirectory(_ entry: Entry) throws(FetchFailure) -> SandboxDirectory {
    let next = openat(descriptor, entry.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard next >= 0 else { throw FetchFailure(cannot: "open the directory \(path)/\(entry.text)") }
    return SandboxDirectory(next, path: "\(path)/\(entry.text)")
  }

  /// As far as it can be done; what stays goes with the sandbox. Depth is bounded, as names of an archive are.
  private func removeAll() {
    for entry in (try? entries()) ?? [] {
      if unlinkat(descriptor, entry.name, 0) == 0 { continue }
      fchmodat(descriptor, entry.name, 0o700, 0)
      (try? subdirectory(entry))?.removeAll()
      unlinkat(descriptor, entry.name, AT_REMOVEDIR)
    }
  }

  private struct Entry {
    /// With the zero at the end: it need not be text.
    var name: [CChar]
    var isDirectory: Bool
    var text: String { String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self) }
  }

  private func entries() throws(FetchFailure) -> [Entry] {
    let own = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard own >= 0, let stream = fdopendir(own) else {
      let code = errno
      if own >= 0 { close(own) }
      throw FetchFailure(cannot: "read the directory \(path)", code: code)
    }
    defer { closedir(stream) }
    var entries: [Entry] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) }
      }
      var status = stat()
      guard fstatat(descriptor, name + [0], &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
      let found = Entry(name: name + [0], isDirectory: status.st_mode & S_IFMT == S_IFDIR)
      if found.text != "." && found.text != ".." { entries.append(found) }
    }
    return entries
  }
}
