import Glibc

/// The limit on open files of this process: each connection takes one.
public enum OpenFiles {
  /// Raises the limit as far as the system lets this process, and returns it. Many systems start programs with 1024 and
  /// allow them more.
  @discardableResult
  public static func allowMost() -> Int {
    var limit = rlimit()
    guard getrlimit(kind, &limit) == 0 else { return 0 }
    if limit.rlim_cur < limit.rlim_max {
      limit.rlim_cur = limit.rlim_max
      _ = setrlimit(kind, &limit)
      _ = getrlimit(kind, &limit)
    }
    return Int(clamping: limit.rlim_cur)
  }

  private static let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
}
