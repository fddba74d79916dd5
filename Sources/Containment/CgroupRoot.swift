/// The part of the machine's cgroup2 tree that is this agent's.
public struct CgroupRoot: Equatable, Sendable {
  /// Absolute path of the directory in which every container gets one. Need not exist yet.
  public let path: String
  /// Controllers that containers can have: "cpu", "memory", "pids", ...
  public let controllers: Set<String>
  /// nil if the directory above hands controllers down already, as that of the machine's own tree does.
  public let delegation: Delegation?

  public init(path: String, controllers: Set<String>, delegation: Delegation? = nil) {
    self.path = path
    self.controllers = controllers
    self.delegation = delegation
  }

  /// A group that was given to the agent to do with it what it likes (systemd's Delegate=yes, a container's root). A group
  /// has processes or hands controllers down, not both: the agent moves into `leaf` before it lets `group` do that.
  public struct Delegation: Equatable, Sendable {
    public let group: String
    /// A child of `group`.
    public let leaf: String
    /// Whether the agent was started in the leaf (systemd's DelegateSubgroup=).
    public let isInLeaf: Bool

    public init(group: String, leaf: String, isInLeaf: Bool) {
      self.group = group
      self.leaf = leaf
      self.isInLeaf = isInLeaf
    }
  }

  /// Controllers of which at least one must be there, else groups limit nothing that people ask for.
  static let wanted = ["cpu", "memory", "pids"]
  /// Those that isolators have a use for.
  static let useful: Set<String> = ["cpu", "cpuset", "hugetlb", "io", "memory", "pids"]

  /// Controllers among cpu, memory and pids that containers will not have, with the file and what to write there.
  public func missing() -> String? {
    let missing = Self.wanted.filter { !controllers.contains($0) }
    guard !missing.isEmpty, let slash = path.lastIndex(of: "/") else { return nil }
    let parent = path[..<slash]
    let what = "containers cannot have \(missing.joined(separator: ", "))"
    guard delegation == nil else {
      return "\(what): \(parent)/cgroup.controllers does not list them; delegate them to the agent (systemd: "
        + "Delegate=\(Self.wanted.joined(separator: " ")))"
    }
    let fix = missing.map { "+\($0)" }.joined(separator: " ")
    return "\(what): write '\(fix)' to \(parent)/cgroup.subtree_control"
  }

  static func words(_ text: String?) -> Set<String> {
    Set((text ?? "").split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init))
  }
}
