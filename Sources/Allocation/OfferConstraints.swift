import Resources

/// What frameworks may choose an agent by.
public struct AgentTraits: Sendable, Equatable {
  public var hostname: String
  public var region: String?
  public var zone: String?
  /// In the agent's order; of several with one name the first counts.
  public var attributes: [Attribute]

  public init(hostname: String = "", region: String? = nil, zone: String? = nil, attributes: [Attribute] = []) {
    self.hostname = hostname
    self.region = region
    self.zone = zone
    self.attributes = attributes
  }
}

/// A text pattern that is matched as a whole, in time linear in the text: it may come from any framework.
public protocol TextPattern: AnyObject, Sendable {
  func matches(_ text: String) -> Bool
}

/// Which agents a framework wants to be offered in a role: those that meet all constraints of some group.
public struct OfferConstraints: Sendable {
  public let groups: [[AttributeConstraint]]

  public init(groups: [[AttributeConstraint]]) {
    self.groups = groups
  }

  public func exclude(_ agent: AgentTraits) -> Bool {
    !groups.contains { group in group.allSatisfy { $0.isMet(by: agent) } }
  }
}

/// A condition on one fact about an agent. Texts are compared byte by byte.
public struct AttributeConstraint: Sendable {
  public enum Selector: Sendable {
    case hostname
    case region
    case zone
    case attribute(String)
  }

  /// Those about texts hold for any value that is no text: what a framework means by them is its own to check.
  public enum Predicate: Sendable {
    case exists
    case notExists
    case textEquals(String)
    case textNotEquals(String)
    case textMatches(any TextPattern)
    case textNotMatches(any TextPattern)
  }

  public let selector: Selector
  public let predicate: Predicate

  public init(_ selector: Selector, _ predicate: Predicate) {
    self.selector = selector
    self.predicate = predicate
  }

  func isMet(by agent: AgentTraits) -> Bool {
    switch value(of: agent) {
    case nil: holdsWithoutValue
    case .text(let text)?: holds(for: text)
    case .scalar?, .ranges?: if case .notExists = predicate { false } else { true }
    }
  }

  private func value(of agent: AgentTraits) -> Attribute.Value? {
    switch selector {
    case .hostname: .text(agent.hostname)
    case .region: agent.region.map { .text($0) }
    case .zone: agent.zone.map { .text($0) }
    case .attribute(let name): agent.attributes.first { Self.areSame($0.name, name) }?.value
    }
  }

  private var holdsWithoutValue: Bool {
    switch predicate {
    case .exists, .textEquals, .textMatches: false
    case .notExists, .textNotEquals, .textNotMatches: true
    }
  }

  private func holds(for text: String) -> Bool {
    switch predicate {
    case .exists: true
    case .notExists: false
    case .textEquals(let other): Self.areSame(text, other)
    case .textNotEquals(let other): !Self.areSame(text, other)
    case .textMatches(let pattern): pattern.matches(text)
    case .textNotMatches(let pattern): !pattern.matches(text)
    }
  }

  /// Swift's own comparison takes two spellings of an accent for the same.
  private static func areSame(_ left: String, _ right: String) -> Bool { left.utf8.elementsEqual(right.utf8) }
}
