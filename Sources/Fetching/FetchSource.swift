/// Where a URI leads.
enum FetchSource: Equatable {
  /// The absolute path of a file of this machine.
  case file(String)
  /// For the HTTP client.
  case net(String)

  private static let netSchemes = ["http", "https", "ftp", "ftps"]

  init(_ uri: String, frameworksHome: String) throws(FetchFailure) {
    let uri = try Self.checked(uri)
    guard let separator = uri.firstRange(of: "://") else {
      self = .file(try Self.absolute(uri, frameworksHome))
      return
    }
    let scheme = uri[..<separator.lowerBound].lowercased()
    if scheme == "file" {
      var path = uri[separator.upperBound...]
      if path.hasPrefix("localhost/") { path = path.dropFirst("localhost".count) }
      guard path.hasPrefix("/") else { throw FetchFailure("a file URI needs an absolute path, as in file:///path") }
      self = .file(String(path))
    } else if Self.netSchemes.contains(scheme) {
      self = .net(uri)
    } else {
      throw FetchFailure("'\(scheme)' is no scheme that this agent fetches; it takes http, https, ftp, ftps and file")
    }
  }

  /// As in Mesos, leading blanks do not count. Control characters have no place in a URI (RFC 3986, 2), and would be
  /// read as something else by tools and in logs.
  private static func checked(_ uri: String) throws(FetchFailure) -> String {
    let trimmed = String(uri.drop { $0 == " " || $0 == "\t" || $0.isNewline })
    guard !trimmed.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
      throw FetchFailure("the URI holds a control character")
    }
    guard !trimmed.isEmpty else { throw FetchFailure("the URI is empty") }
    return trimmed
  }

  private static func absolute(_ path: String, _ frameworksHome: String) throws(FetchFailure) -> String {
    if path.hasPrefix("/") { return path }
    guard !frameworksHome.isEmpty else {
      throw FetchFailure(
        "the path is relative, and the agent was given no --frameworks_home that it could be relative to")
    }
    return "\(frameworksHome)/\(path)"
  }
}

/// Where in the sandbox what is fetched gets its place.
struct FetchTarget: Equatable {
  /// Of the sandbox, one below the other.
  let directories: [String]
  let name: String

  init(_ item: FetchJob.Item) throws(FetchFailure) {
    if item.outputFile.isEmpty {
      directories = []
      name = try Self.lastPart(of: item.uri)
    } else {
      let parts = item.outputFile.split(separator: "/").map(String.init).filter { $0 != "." }
      guard !item.outputFile.hasPrefix("/"), !item.outputFile.hasSuffix("/"), let last = parts.last,
        !parts.contains(".."), !item.outputFile.utf8.contains(0)
      else { throw FetchFailure("output_file '\(item.outputFile)' is not a path within the sandbox") }
      directories = Array(parts.dropLast())
      name = last
    }
    guard name.utf8.count <= 255 else {
      throw FetchFailure("'\(name.prefix(40))…' is too long for the name of a file; set output_file")
    }
  }

  /// With all that follows a question mark, as Mesos does it.
  private static func lastPart(of uri: String) throws(FetchFailure) -> String {
    var path = uri[...]
    if let scheme = uri.firstRange(of: "://") {
      let rest = uri[scheme.upperBound...]
      guard let slash = rest.firstIndex(of: "/") else { throw FetchFailure("the URI has no path") }
      path = rest[slash...]
    }
    let name = path.lastIndex(of: "/").map { path[path.index(after: $0)...] } ?? path
    guard !name.isEmpty, name != ".", name != ".." else {
      throw FetchFailure("the URI ends without the name of a file; set output_file")
    }
    return String(name)
  }
}

/// How a file is unpacked, by the end of its name.
enum ArchiveKind: Equatable {
  /// Maybe compressed, which needs the tool of that name.
  case tar(compression: String?)
  case zip
  /// One compressed file, without an archive around it.
  case gzip

  init?(name: String) {
    let ends: [(String, ArchiveKind)] = [
      (".tar", .tar(compression: nil)), (".tar.gz", .tar(compression: "gzip")), (".tgz", .tar(compression: "gzip")),
      (".tar.bz2", .tar(compression: "bzip2")), (".tbz2", .tar(compression: "bzip2")),
      (".tar.xz", .tar(compression: "xz")), (".txz", .tar(compression: "xz")), (".zip", .zip), (".gz", .gzip),
    ]
    guard let kind = ends.first(where: { name.hasSuffix($0.0) && name.utf8.count > $0.0.utf8.count })?.1 else {
      return nil
    }
    self = kind
  }
}
