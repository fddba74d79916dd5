/// Where a server listens: a host name or IP address, and a port.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
  public var host: String
  public var port: Int

  public init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// Reads `host:port`, `host` (with the given port), `[::1]:port`; nil for anything else.
  public init?(_ text: String, defaultPort: Int? = nil) {
    var host = text[...]
    var port = defaultPort
    let colon = text.lastIndex(of: ":")
    let isBareIPv6 = !text.hasPrefix("[") && text.filter { $0 == ":" }.count > 1
    if let colon, !isBareIPv6, !text[colon...].contains("]") {
      host = text[..<colon]
      port = Int(text[text.index(after: colon)...])
    }
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    guard !host.isEmpty, host.allSatisfy({ !$0.isWhitespace && $0 != "/" }), let port, (1...65535).contains(port) else {
      return nil
    }
    self.init(host: String(host), port: port)
  }

  public var description: String {
    host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
