/// A key with an optional value, attached to a reservation.
public struct Label: Hashable, Sendable {
  public var key: String
  public var value: String?

  public init(key: String, value: String? = nil) {
    self.key = key
    self.value = value
  }
}

/// One entry of a resource's stack of reservations (protocol fact 140).
public struct Reservation: Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    /// Made by the agent's `--resources`; lasts as long as the agent.
    case `static`
    /// Made by a framework or an operator.
    case dynamic
  }

  public var kind: Kind
  public var role: String
  public var principal: String?
  public var labels: [Label]

  public init(_ kind: Kind, role: String, principal: String? = nil, labels: [Label] = []) {
    self.kind = kind
    self.role = role
    self.principal = principal
    self.labels = labels
  }
}

extension Reservation: CustomStringConvertible {
  /// `(DYNAMIC,roleA,principal)`, as in Mesos' texts.
  public var description: String {
    var parts = [kind == .static ? "STATIC" : "DYNAMIC", role]
    if let principal { parts.append(principal) }
    if !labels.isEmpty {
      let texts = labels.map { label in label.value.map { "\(label.key): \($0)" } ?? label.key }
      parts.append("{" + texts.joined(separator: ", ") + "}")
    }
    return "(" + parts.joined(separator: ",") + ")"
  }
}
