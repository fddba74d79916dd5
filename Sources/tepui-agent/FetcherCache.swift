import Containment
import Files
import FoundationEssentials
import Glibc
import Logging

/// Files that were fetched once, for each user and URI. Belongs to the fetcher's queue.
///
/// The directory and its index are the agent's own; a file belongs to the user it was fetched for, who gets it only as an
/// open descriptor. So a file may be thrown out at any time: those who have it open keep it.
final class FetcherCache {
  struct Key: Hashable, Codable {
    /// Empty for the agent's own.
    var user: String
    var uri: String
  }

  private struct Entry: Codable {
    var key: Key
    var file: String
    var uid: UInt32
    var bytes: Int64
    var inode: UInt64
    var modifiedNs: Int64
  }

  let sizeBytes: Int64
  private let directory: String
  private let log: Logger
  /// The one used last is at the end.
  private var entries: [Entry] = []
  private(set) var usedBytes: Int64 = 0
  private var nextFile: UInt64 = 0

  /// Takes over what an earlier agent left, as far as it is unchanged; a size of 0 is no cache.
  init(directory: String, sizeBytes: Int64, log: Logger) {
    self.directory = directory
    self.sizeBytes = sizeBytes
    self.log = log
    guard sizeBytes > 0 else { return }
    do {
      try Directories.make(directory, mode: 0o700)
      load()
      try DirectoryTree.empty(directory, keeping: isKept)
      evict(for: 0)
      save()
    } catch {
      log.warning("The fetcher cache cannot be used as it is: \(error)")
    }
  }

  // MARK: Files

  /// Opens the file of a URI for reading; nil if there is none.
  func open(_ key: Key) -> Int32? {
    guard let index = entries.firstIndex(where: { $0.key == key }) else { return nil }
    let entry = entries.remove(at: index)
    let file = Glibc.open(path(entry.file), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    guard file >= 0, Self.isUnchanged(entry, file) else {
      if file >= 0 { close(file) }
      discard(entry)
      save()
      return nil
    }
    entries.append(entry)
    return file
  }

  /// Makes a file for a download and opens it for writing.
  func makeFile(for owner: UserAccount?) throws(FileError) -> (name: String, descriptor: Int32) {
    while true {
      nextFile += 1
      let name = String(nextFile)
      let file = Glibc.open(path(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
      if file < 0 && errno == EEXIST { continue }
      guard file >= 0 else { throw FileError("make a file in", directory) }
      if let owner, owner.uid != geteuid(), fchown(file, owner.uid, owner.gid) != 0 {
        let failure = FileError("give away a file in", directory)
        close(file)
        removeFile(name)
        throw failure
      }
      return (name, file)
    }
  }

  /// Takes in a file that is complete, and throws out as many as it takes the place of.
  func add(_ name: String, for key: Key) {
    let file = Glibc.open(path(name), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    defer { if file >= 0 { close(file) } }
    var status = stat()
    guard file >= 0, fstat(file, &status) == 0, Int64(status.st_size) <= sizeBytes else { return removeFile(name) }
    let entry = Entry(
      key: key, file: name, uid: status.st_uid, bytes: Int64(status.st_size), inode: UInt64(status.st_ino),
      modifiedNs: status.st_mtim.nanoseconds)
    evict(for: entry.bytes)
    entries.append(entry)
    usedBytes += entry.bytes
    save()
  }

  func removeFile(_ name: String) { unlink(path(name)) }

  private func evict(for bytes: Int64) {
    while usedBytes + bytes > sizeBytes, let oldest = entries.first {
      entries.removeFirst()
      log.info("The fetcher cache makes room by the removal of '\(oldest.key.uri)'")
      discard(oldest)
    }
  }

  private func discard(_ entry: Entry) {
    usedBytes -= entry.bytes
    removeFile(entry.file)
  }

  private func path(_ name: String) -> String { "\(directory)/\(name)" }

  private static func isUnchanged(_ entry: Entry, _ file: Int32) -> Bool {
    var status = stat()
    return fstat(file, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_uid == entry.uid
      && Int64(status.st_size) == entry.bytes && UInt64(status.st_ino) == entry.inode
      && status.st_mtim.nanoseconds == entry.modifiedNs
  }

  // MARK: The index

  private static let indexName = "index.json"

  private func isKept(_ name: String) -> Bool {
    name == Self.indexName || entries.contains { $0.file == name }
  }

  private func load() {
    guard let data = try? Data(contentsOf: URL(filePath: path(Self.indexName))),
      let found = try? JSONDecoder().decode([Entry].self, from: data)
    else { return }
    for entry in found where UInt64(entry.file) != nil && !entries.contains(where: { $0.key == entry.key }) {
      let file = Glibc.open(path(entry.file), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
      guard file >= 0 else { continue }
      defer { close(file) }
      guard Self.isUnchanged(entry, file) else { continue }
      entries.append(entry)
      usedBytes += entry.bytes
    }
  }

  /// Should it fail, the next agent finds files that it knows nothing of, and deletes them.
  private func save() {
    let data = try? JSONEncoder().encode(entries)
    do {
      try data?.write(to: URL(filePath: path(Self.indexName)), options: .atomic)
    } catch {
      log.warning("The index of the fetcher cache cannot be written: \(error)")
    }
  }
}
