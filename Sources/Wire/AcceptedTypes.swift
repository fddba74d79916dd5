/// The media ranges of an Accept header (protocol fact 9): wildcards and q=0 count, other weights do not.
struct AcceptedTypes {
  private struct Range {
    var type: Substring
    var subtype: Substring
    var isRefused: Bool
  }

  /// nil: no header, so anything is accepted.
  private let ranges: [Range]?

  init(_ header: String?) {
    ranges = header.map { header in
      header.split(separator: ",").compactMap { AcceptedTypes.range($0) }
    }
  }

  /// The most specific range decides.
  func allow(_ mediaType: String) -> Bool {
    guard let ranges else { return true }
    let parts = mediaType.split(separator: "/")
    for (type, subtype) in [(parts[0], parts[1]), (parts[0], "*"), ("*", "*")] {
      if let range = ranges.first(where: { $0.type == type && $0.subtype == subtype }) { return !range.isRefused }
    }
    return false
  }

  private static func range(_ text: Substring) -> Range? {
    let parts = text.lowercased().filter { !$0.isWhitespace }.split(separator: ";")
    guard let names = parts.first?.split(separator: "/"), names.count == 2 else { return nil }
    let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) }
    return Range(type: names[0], subtype: names[1], isRefused: weight == 0)
  }
}
