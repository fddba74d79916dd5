/// Names of roles: paths like `eng/batch`, or `*` (protocol fact 139).
public enum Role {
  /// The role of a framework that names none.
  public static let star = "*"

  /// The longest name that is accepted. Mesos knows no bound; but each level of a role has a name and a row of its own
  /// in the books, so that one role of a megabyte would take all memory.
  public static let longestNameBytes = 4096

  /// Throws with Mesos' text when `name` cannot be a role.
  public static func validate(_ name: String) throws(ResourceError) {
    if name == star { return }
    if name.isEmpty { throw ResourceError("Role names cannot be the empty string") }
    if name.utf8.count > longestNameBytes {
      throw ResourceError("Role names cannot be longer than \(longestNameBytes) bytes")
    }
    if name.utf8.first == UInt8(ascii: "/") { throw ResourceError("Role '\(name)' cannot start with a slash") }
    if name.utf8.last == UInt8(ascii: "/") { throw ResourceError("Role '\(name)' cannot end with a slash") }
    for component in name.split(separator: "/", omittingEmptySubsequences: false) {
      try validate(component: component, of: name)
    }
  }

  private static func validate(component: Substring, of name: String) throws(ResourceError) {
    if component.isEmpty { throw ResourceError("Role '\(name)' cannot contain two adjacent slashes") }
    if component == "." || component == ".." || component == "*" {
      throw ResourceError("Role '\(name)' cannot include '\(component)' as a component")
    }
    if component.utf8.first == UInt8(ascii: "-") {
      throw ResourceError("Role component '\(component)' is invalid because it starts with a dash")
    }
    // Whitespace of C's locale (9…13 and space), and DEL.
    if component.utf8.contains(where: { (9...13).contains($0) || $0 == 32 || $0 == 127 }) {
      throw ResourceError("Role component '\(component)' is invalid because it contains backspace or whitespace")
    }
  }

  /// The role above: `eng` for `eng/batch`, nil for a top-level role.
  public static func parent(of name: String) -> String? {
    guard let slash = name.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
    return String(name[..<slash])
  }

  /// The role and all above it, from below.
  public static func lineage(of name: String) -> some Sequence<String> { sequence(first: name, next: parent) }

  public static func isAtOrBelow(_ name: String, _ ancestor: String) -> Bool {
    name == ancestor || isStrictlyBelow(name, ancestor)
  }

  /// Whether `name` lies below `ancestor`, at any depth.
  public static func isStrictlyBelow(_ name: String, _ ancestor: String) -> Bool {
    name.utf8.count > ancestor.utf8.count && name.hasPrefix(ancestor)
      && name.utf8[name.utf8.index(name.utf8.startIndex, offsetBy: ancestor.utf8.count)] == UInt8(ascii: "/")
  }
}
