/// Path and query of a request line, decoded.
struct RequestTarget: Equatable {
  var path: String
  var query: [String: String]

  /// Returns nil for a target that is no valid path: no leading slash, or a broken percent escape.
  init?(_ target: String) {
    var rest = Substring(target)
    if let absolute = RequestTarget.pathOfAbsoluteForm(rest) { rest = absolute }
    guard rest.first == "/" else { return nil }

    let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    guard let path = percentDecoded(parts[0].utf8, plusIsSpace: false) else { return nil }
    self.path = RequestTarget.withoutTrailingSlashes(path)
    guard let query = parts.count == 2 ? RequestTarget.fields(parts[1]) : [:] else { return nil }
    self.query = query
  }

  /// The fields of a query or a form, decoded; of a repeated name the last one counts. nil for a broken percent escape.
  static func fields(_ text: Substring) -> [String: String]? {
    var fields: [String: String] = [:]
    for pair in text.split(whereSeparator: { $0 == "&" || $0 == ";" }) {
      let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = percentDecoded(sides[0].utf8, plusIsSpace: true),
        let value = percentDecoded((sides.count == 2 ? sides[1] : "").utf8, plusIsSpace: true)
      else { return nil }
      fields[name] = value
    }
    return fields
  }

  /// Protocol fact 5: the Mesos CLI asks for `/master/frameworks/`.
  static func withoutTrailingSlashes(_ path: String) -> String {
    var end = path.endIndex
    while end > path.startIndex, path[path.index(before: end)] == "/" { end = path.index(before: end) }
    return end == path.startIndex ? "/" : String(path[..<end])
  }

  /// A proxy may send `http://host:port/path` (RFC 9112, 3.2.2); servers must take it.
  private static func pathOfAbsoluteForm(_ target: Substring) -> Substring? {
    guard target.hasPrefix("http://") || target.hasPrefix("https://"), let colon = target.firstIndex(of: ":") else {
      return nil
    }
    let authorityAndPath = target[colon...].dropFirst(3)
    return authorityAndPath.firstIndex(of: "/").map { authorityAndPath[$0...] } ?? "/"
  }
}

/// Decodes `%41` escapes (and `+` as a space if asked); nil for an escape that is not two hexadecimal digits.
func percentDecoded(_ text: Substring.UTF8View, plusIsSpace: Bool) -> String? {
  var bytes: [UInt8] = []
  bytes.reserveCapacity(text.count)
  var rest = text[...]
  while let byte = rest.popFirst() {
    switch byte {
    case UInt8(ascii: "%"):
      guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue) else {
        return nil
      }
      bytes.append(high << 4 | low)
    case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
    default: bytes.append(byte)
    }
  }
  return String(decoding: bytes, as: UTF8.self)
}

private func hexValue(_ digit: UInt8) -> UInt8? {
  switch digit {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
  default: nil
  }
}
