/// What is wrong with a resource or an attribute, in words that Mesos uses where it has some.
public struct ResourceError: Error, Hashable, Sendable, CustomStringConvertible {
  public let description: String

  public init(_ description: String) {
    self.description = description
  }
}
