import Glibc
import Wire

/// The entries of a directory in the order of their names (protocol fact 116). What ends while it is read is left out.
final class FileListing {
  private let directory: OpenFile
  private let path: String
  /// With the zero at the end: they need not be text.
  private var names: [[CChar]] = []
  private var users: [uid_t: String] = [:]
  private var groups: [gid_t: String] = [:]

  /// - Parameter path: what the request called the directory.
  init(_ directory: OpenFile, path: String) throws(WireRefusal) {
    self.directory = directory
    self.path = path.hasSuffix("/") ? path : "\(path)/"
    // What is no directory has no entries, as Mesos sees it.
    guard directory.isDirectory else { return }
    let descriptor = try directory.reopened(O_DIRECTORY)
    guard let stream = fdopendir(descriptor) else {
      close(descriptor)
      return
    }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
      }
      if name != [46, 0] && name != [46, 46, 0] { names.append(name) }
    }
    names.sort { $0.lexicographicallyPrecedes($1) { UInt8(bitPattern: $0) < UInt8(bitPattern: $1) } }
  }

  var count: Int { names.count }

  func entries(_ range: Range<Int>) -> [MesosFileInfo] { names[range].compactMap(info) }

  private func info(_ name: [CChar]) -> MesosFileInfo? {
    guard let status = directory.status(ofEntry: name) else { return nil }
    return .with {
      $0.path = path + String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
      $0.nlink = Int32(clamping: status.st_nlink)
      $0.size = UInt64(clamping: status.st_size)
      $0.mtime.nanoseconds = timespec(tv_sec: status.st_mtim.tv_sec, tv_nsec: 0).nanoseconds
      $0.mode = status.st_mode
      $0.uid = user(status.st_uid)
      $0.gid = group(status.st_gid)
    }
  }

  private func user(_ id: uid_t) -> String {
    if let known = users[id] { return known }
    var (record, buffer) = (passwd(), [CChar](repeating: 0, count: 4096))
    var found: UnsafeMutablePointer<passwd>?
    let isKnown = getpwuid_r(id, &record, &buffer, buffer.count, &found) == 0 && found != nil
    let name = isKnown ? String(cString: record.pw_name) : String(id)
    users[id] = name
    return name
  }

  private func group(_ id: gid_t) -> String {
    if let known = groups[id] { return known }
    var (record, buffer) = (Glibc.group(), [CChar](repeating: 0, count: 4096))
    var found: UnsafeMutablePointer<Glibc.group>?
    let isKnown = getgrgid_r(id, &record, &buffer, buffer.count, &found) == 0 && found != nil
    let name = isKnown ? String(cString: record.gr_name) : String(id)
    groups[id] = name
    return name
  }
}

extension timespec {
  /// Since the epoch. Of a file it may be anything, since its owner sets it: what does not fit becomes the nearest end.
  public var nanoseconds: Int64 {
    let (whole, overflow) = Int64(tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, sumOverflow) = whole.addingReportingOverflow(Int64(tv_nsec))
    return overflow || sumOverflow ? (tv_sec < 0 ? .min : .max) : sum
  }
}

extension MesosFileInfo {
  /// As /files/browse tells it.
  func write(to json: inout JSONWriter) {
    json.object { json in
      json.member("gid", gid)
      json.member("mode", modeText)
      json.member("mtime", Double(mtime.nanoseconds) / 1e9)
      json.member("nlink", Int(nlink))
      json.member("path", path)
      json.member("size", Int(clamping: size))
      json.member("uid", uid)
    }
  }

  /// As `ls -l` writes it.
  private var modeText: String {
    let types: [mode_t: Character] = [
      S_IFDIR: "d", S_IFLNK: "l", S_IFIFO: "p", S_IFSOCK: "s", S_IFCHR: "c", S_IFBLK: "b",
    ]
    var text = String(types[mode & S_IFMT] ?? "-")
    for (index, letter) in "rwxrwxrwx".enumerated() { text.append(mode & (0o400 >> mode_t(index)) != 0 ? letter : "-") }
    return text
  }
}
