import Glibc
import Wire

/// The log of a daemon as a file that can be looked at, such as `/master/log`. When it is no file nothing is there.
public struct LogFile: FileCatalogue {
  private let name: String
  private let path: String?

  /// - Parameters:
  ///   - name: the path that stands for the log.
  ///   - external: the flag `--external_log_file`. Without it the log is a file only if standard error is one.
  public init(named name: String, external: String?) {
    self.name = name
    var status = stat()
    let isFile = fstat(STDERR_FILENO, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    // What is written to now is opened, whatever became of its name.
    path = external ?? (isFile ? "/proc/self/fd/\(STDERR_FILENO)" : nil)
  }

  public func open(_ path: String) throws(WireRefusal) -> OpenFile {
    guard let own = self.path, path.split(separator: "/") == name.split(separator: "/") else { throw .notFound }
    return try OpenFile(Glibc.open(own, OpenFile.asPlace | O_CLOEXEC))
  }

  /// Its name, and where it is.
  public var attached: [String: String] {
    guard let path, let resolved = realpath(path, nil) else { return [:] }
    defer { free(resolved) }
    return [name: String(cString: resolved)]
  }
}
