import Glibc

/// The part of the machine's cgroup2 tree that is this agent's.
public struct CgroupRoot: Equatable, Sendable {
  /// Absolute path of the directory in which every container gets one. Need not exist yet.
  public let path: String
  /// Controllers that containers can have: "cpu", "memory", "pids", ...
  public let controllers: Set<String>

  public init(path: String, controllers: Set<String>) {
    self.path = path
    self.controllers = controllers
  }

  /// Why there is no usable cgroup tree, and what to do about it.
  public struct Unavailable: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  /// Controllers of which at least one must be there, else groups limit nothing that people ask for.
  private static let wanted = ["cpu", "memory", "pids"]

  /// Finds the tree: below the cgroup that this process was given if that hands controllers down, else directly below
  /// the mount. Changes nothing.
  /// - Parameter name: of the directory for the containers, such as "tepui".
  public static func discover(
    named name: String, files: any CgroupFiles = KernelCgroupFiles(), processRoot: String = "/proc/self"
  ) throws(Unavailable) -> CgroupRoot {
    guard !name.isEmpty, name != ".", name != "..", !name.contains("/") else {
      throw Unavailable(description: "'\(name)' is not a name for a cgroup: one directory, such as 'tepui'")
    }
    guard let mount = mountPoint(files.read("\(processRoot)/mountinfo") ?? "") else {
      throw Unavailable(description: "cgroup2 is not mounted; boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1)")
    }
    let own = ownGroup(files.read("\(processRoot)/cgroup") ?? "")
    var parents = [mount]
    if let own, own != "/", !own.hasPrefix("/..") { parents.insert(mount + own, at: 0) }
    for parent in parents {
      let offered = words(files.read("\(parent)/cgroup.subtree_control"))
      guard !offered.isDisjoint(with: wanted), access(parent, W_OK) == 0 else { continue }
      return CgroupRoot(path: "\(parent)/\(name)", controllers: offered)
    }
    throw Unavailable(
      description: explanation(mount: mount, controllers: words(files.read("\(mount)/cgroup.controllers"))))
  }

  /// Controllers among cpu, memory and pids that containers will not have, with the file and what to write there.
  public func missing() -> String? {
    let missing = Self.wanted.filter { !controllers.contains($0) }
    guard !missing.isEmpty, let slash = path.lastIndex(of: "/") else { return nil }
    let fix = missing.map { "+\($0)" }.joined(separator: " ")
    return "containers cannot have \(missing.joined(separator: ", ")): "
      + "write '\(fix)' to \(path[..<slash])/cgroup.subtree_control"
  }

  private static func explanation(mount: String, controllers: Set<String>) -> String {
    let missing = wanted.filter { !controllers.contains($0) }
    guard missing.isEmpty else {
      return "cgroup2 at \(mount) lacks the controllers \(missing.joined(separator: ", ")), "
        + "probably because cgroup v1 holds them; boot with cgroup_no_v1=all"
    }
    return "the cgroup2 tree at \(mount) hands none of cpu, memory and pids down; as root write "
      + "'+cpu +memory +pids' to \(mount)/cgroup.subtree_control, or delegate a group to the agent "
      + "(systemd: Delegate=yes)"
  }

  /// Lines of mountinfo: id parent device root mount-point options... - type source options.
  private static func mountPoint(_ mountinfo: String) -> String? {
    for line in mountinfo.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count, fields.count > 4 else { continue }
      if fields[dash + 1] == "cgroup2" { return String(fields[4]) }
    }
    return nil
  }

  /// The line of cgroup2 begins with "0::".
  private static func ownGroup(_ text: String) -> String? {
    text.split(separator: "\n").first { $0.hasPrefix("0::") }.map { String($0.dropFirst(3)) }
  }

  private static func words(_ text: String?) -> Set<String> {
    Set((text ?? "").split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init))
  }
}
