import Glibc

/// An entry of a directory (protocol fact 116).
struct FileAnswer: Encodable {
  var path: String
  var nlink: Int
  var size: Int64
  var mtime: Double
  var mode: String
  var uid: String
  var gid: String

  /// The entries of an open directory, by name. Links are told as they are, not followed.
  static func list(_ directory: Int32, path: String) -> [FileAnswer] {
    // The stream takes over the descriptor it is given.
    guard let stream = fdopendir(dup(directory)) else { return [] }
    defer { closedir(stream) }
    var answers: [FileAnswer] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      var status = stat()
      guard name != ".", name != "..", fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
      answers.append(FileAnswer(path: path.hasSuffix("/") ? path + name : "\(path)/\(name)", status))
    }
    return answers.sorted { $0.path < $1.path }
  }

  private init(path: String, _ status: stat) {
    self.path = path
    nlink = Int(status.st_nlink)
    size = Int64(status.st_size)
    mtime = Double(status.st_mtim.tv_sec)
    mode = Self.text(of: status.st_mode)
    uid = Self.user(status.st_uid)
    gid = Self.group(status.st_gid)
  }

  /// As `ls -l` writes it.
  private static func text(of mode: mode_t) -> String {
    let types: [mode_t: Character] = [
      S_IFDIR: "d", S_IFLNK: "l", S_IFIFO: "p", S_IFSOCK: "s", S_IFCHR: "c", S_IFBLK: "b",
    ]
    var text = String(types[mode & S_IFMT] ?? "-")
    for (index, letter) in "rwxrwxrwx".enumerated() { text.append(mode & (0o400 >> mode_t(index)) != 0 ? letter : "-") }
    return text
  }

  private static func user(_ id: uid_t) -> String {
    var (record, buffer) = (passwd(), [CChar](repeating: 0, count: 4096))
    var found: UnsafeMutablePointer<passwd>?
    guard getpwuid_r(id, &record, &buffer, buffer.count, &found) == 0, found != nil else { return String(id) }
    return String(cString: record.pw_name)
  }

  private static func group(_ id: gid_t) -> String {
    var (record, buffer) = (Glibc.group(), [CChar](repeating: 0, count: 4096))
    var found: UnsafeMutablePointer<Glibc.group>?
    guard getgrgid_r(id, &record, &buffer, buffer.count, &found) == 0, found != nil else { return String(id) }
    return String(cString: record.gr_name)
  }
}
