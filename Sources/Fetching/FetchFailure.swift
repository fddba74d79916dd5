import Glibc

/// Why something could not be fetched.
public struct FetchFailure: Error, Equatable, CustomStringConvertible {
  public let description: String

  public init(_ description: String) {
    self.description = description
  }

  /// The reason is errno's.
  init(cannot action: String, code: Int32 = errno) {
    description = "cannot \(action): \(String(cString: strerror(code)))"
  }

  public static let largerThanCache = FetchFailure("the file is larger than the cache")
  static let diskFull = FetchFailure("the disk is full: \(String(cString: strerror(ENOSPC)))")

  /// It may still have its place elsewhere than in the cache.
  public var isForWantOfSpace: Bool { self == Self.largerThanCache || self == Self.diskFull }

  /// A URI without the password that it may hold: failures are told to many.
  public static func withoutPassword(_ uri: String) -> String {
    guard let scheme = uri.firstRange(of: "://") else { return uri }
    let rest = uri[scheme.upperBound...]
    let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    guard let at = authority.lastIndex(of: "@") else { return uri }
    return "\(uri[..<scheme.upperBound])***\(uri[at...])"
  }
}
