import Resources

/// A cluster of equal agents and frameworks, as the allocator's books see it.
public struct AllocatorScene {
  public var agents: Int
  public var frameworks: Int
  public var roles = Roles.ofEach
  /// Part of each agent is reserved for the role of some framework.
  public var reserves = false
  /// Each role has a limit, and every tenth a guarantee.
  public var limitsRoles = false
  /// As agents have them; without, all that an agent has are plain amounts.
  public var hasPorts = true

  public init(agents: Int, frameworks: Int) {
    self.agents = agents
    self.frameworks = frameworks
  }

  public enum Roles {
    case ofEach
    case one
    /// Three levels, ten roles in one.
    case tree
  }

  func role(_ framework: Int) -> String {
    switch roles {
    case .ofEach: "role\(framework)"
    case .one: "role"
    case .tree: "a\(framework % 10)/b\(framework / 10 % 10)/c\(framework / 100)"
    }
  }

  /// That of the agents in Mesos' own benchmark of its allocator.
  func total(_ agent: Int) throws(ResourceError) -> Resources {
    var text = "cpus:24;mem:4096;disk:4096"
    if hasPorts { text += ";ports:[31000-32000]" }
    if reserves {
      let role = role(agent % frameworks)
      text += ";cpus(\(role)):2;mem(\(role)):512"
    }
    return try Resources(parsing: text)
  }
}
