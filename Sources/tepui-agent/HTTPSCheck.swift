import Glibc

/// A check over HTTPS: TLS is curl's, a program of the agent's machine.
enum HTTPSCheck {
  /// nil if there is none at this moment.
  static var curl: String? {
    ["/usr/local/bin", "/usr/bin", "/bin"].map { "\($0)/curl" }.first { access($0, X_OK) == 0 }
  }

  static let missing =
    "curl, which checks over HTTPS need, is not installed on this agent; its operator should install the package curl"

  /// With the zeroth. It exits with zero for an answer below 400.
  static func arguments(port: UInt32, path: String, isIPv6: Bool) -> [String] {
    let url = "https://\(isIPv6 ? "[::1]" : "127.0.0.1"):\(port)\(path)"
    return ["curl", "-s", "-S", "-f", "-k", "-L", "-g", "-o", "/dev/null", "--url", url]
  }
}
