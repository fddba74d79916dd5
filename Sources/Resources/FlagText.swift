// The text form of resources and attributes in flags: entries `name:value` or `name(role):value`, separated by `;`.

extension Resources {
  /// Parses the value of `--resources`: `cpus:4;mem:4096;ports:[31000-32000];cpus(batch):2;zones:{a,b}`.
  ///
  /// A role in parentheses is a static reservation; resources without one belong to `defaultRole`.
  public init(parsing text: String, defaultRole: String = Role.star) throws(ResourceError) {
    self.init()
    for entry in FlagText.entries(of: text) {
      let (key, valueText) = try FlagText.split(entry)
      var name = key
      var role = defaultRole
      if let open = key.firstIndex(of: "(") {
        guard key.hasSuffix(")") else { throw ResourceError("Bad resource '\(entry)': missing ')' after the role") }
        name = FlagText.trimmed(key[..<open])
        role = String(FlagText.trimmed(key[key.index(after: open)...].dropLast()))
      }
      let given: Value?
      do { given = try FlagText.value(valueText) } catch {
        throw ResourceError("Resource '\(entry)' is invalid: \(error)")
      }
      guard let value = given else {
        throw ResourceError(
          "Bad resource '\(entry)': '\(valueText)' is neither a number, nor ranges '[1-2, 5-7]', nor a set '{a, b}'")
      }
      let reservations = role == Role.star ? [] : [Reservation(.static, role: role)]
      let resource = Resource(String(name), value, reservations: reservations)
      try resource.validate()
      add(resource)
    }
  }
}

extension Attribute {
  /// Parses the value of `--attributes`: `rack:r1;gen:2;ids:[1-5]`. Only the first colon of an entry divides.
  public static func parse(_ text: String) throws(ResourceError) -> [Attribute] {
    var attributes: [Attribute] = []
    for entry in FlagText.entries(of: text) {
      let (name, valueText) = try FlagText.split(entry)
      switch try? FlagText.value(valueText) {
      case .scalar(let quantity)?: attributes.append(Attribute(String(name), .scalar(quantity)))
      case .ranges(let ranges)?: attributes.append(Attribute(String(name), .ranges(ranges)))
      default: attributes.append(Attribute(String(name), .text(String(valueText))))
      }
    }
    return attributes
  }
}

private enum FlagText {
  static func entries(of text: String) -> [Substring] {
    text.split(whereSeparator: { $0 == ";" || $0.isNewline }).map(trimmed).filter { !$0.isEmpty }
  }

  static func split(_ entry: Substring) throws(ResourceError) -> (name: Substring, value: Substring) {
    guard let colon = entry.firstIndex(of: ":") else {
      throw ResourceError("Bad entry '\(entry)': expecting 'name:value'")
    }
    let name = trimmed(entry[..<colon])
    let value = trimmed(entry[entry.index(after: colon)...])
    if name.isEmpty || value.isEmpty { throw ResourceError("Bad entry '\(entry)': expecting 'name:value'") }
    return (name, value)
  }

  /// nil when the text is of no type of a resource.
  static func value(_ text: Substring) throws(ResourceError) -> Value? {
    switch (text.first, text.last) {
    case ("[", "]"):
      return .ranges(try ranges(text.dropFirst().dropLast()))
    case ("{", "}"):
      let items = text.dropFirst().dropLast().split(separator: ",").map { String(trimmed($0)) }
      guard Set(items).count == items.count else { throw ResourceError("Invalid set resource: duplicated elements") }
      return .set(Set(items))
    default:
      guard let number = Double(text) else { return nil }
      return .scalar(try Quantity(validating: number))
    }
  }

  private static func ranges(_ text: Substring) throws(ResourceError) -> Ranges {
    var pairs: [(begin: UInt64, end: UInt64)] = []
    for part in text.split(separator: ",") {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map(trimmed)
      guard ends.count == 2, let begin = UInt64(ends[0]), let end = UInt64(ends[1]) else {
        throw ResourceError("Bad range '\(trimmed(part))': expecting 'begin-end'")
      }
      pairs.append((begin, end))
    }
    return try Ranges(validating: pairs)
  }

  static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
