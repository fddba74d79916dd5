import Glibc

extension CgroupRoot {
  /// Why there is no usable cgroup tree, and what to do about it.
  public struct Unavailable: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  /// Finds the tree: below the group that was delegated to this process, else directly below the mount if that hands
  /// controllers down. Changes nothing.
  /// - Parameter name: of the directory for the containers, such as "tepui".
  public static func discover(
    named name: String, files: any CgroupFiles = KernelCgroupFiles(), processRoot: String = "/proc/self"
  ) throws(Unavailable) -> CgroupRoot {
    guard !name.isEmpty, name != ".", name != "..", !name.contains("/") else {
      throw Unavailable(description: "'\(name)' is not a name for a cgroup: one directory, such as 'tepui'")
    }
    guard let mount = CgroupMount(files.read("\(processRoot)/mountinfo") ?? "") else {
      throw Unavailable(description: "cgroup2 is not mounted; boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1)")
    }
    let controllers = words(files.read("\(mount.point)/cgroup.controllers"))
    let own = mount.directory(ofGroup: ownGroup(files.read("\(processRoot)/cgroup") ?? ""))
    let search = Search(name: name, mount: mount.point, files: files)
    if let own, let found = try search.delegated(to: own) { return found }
    let offered = words(files.read("\(mount.point)/cgroup.subtree_control"))
    guard !offered.isDisjoint(with: wanted) else {
      throw Unavailable(description: explanation(mount: mount.point, controllers: controllers))
    }
    try search.requireWritable(mount.point)
    return CgroupRoot(path: "\(mount.point)/\(name)", controllers: offered)
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

  /// The line of cgroup2 begins with "0::".
  private static func ownGroup(_ text: String) -> String? {
    text.split(separator: "\n").first { $0.hasPrefix("0::") }.map { String($0.dropFirst(3)) }
  }
}

/// Where cgroup2 is mounted, and which group of it.
private struct CgroupMount {
  let point: String
  let root: String

  /// Lines of mountinfo: id parent device root mount-point options... - type source options.
  init?(_ mountinfo: String) {
    for line in mountinfo.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count, fields.count > 4 else { continue }
      guard fields[dash + 1] == "cgroup2" else { continue }
      (root, point) = (String(fields[3]), String(fields[4]))
      return
    }
    return nil
  }

  /// nil for a group that lies outside of what is mounted.
  func directory(ofGroup group: String?) -> String? {
    guard let group, group.hasPrefix("/"), !group.hasPrefix("/..") else { return nil }
    if group == root { return point }
    let prefix = root == "/" ? "/" : root + "/"
    return group.hasPrefix(prefix) ? "\(point)/\(group.dropFirst(prefix.utf8.count))" : nil
  }
}

/// Looks whether the group of this process was delegated to it.
private struct Search {
  let name: String
  let mount: String
  let files: any CgroupFiles

  private var leafName: String { "\(name)-agent" }

  /// - Parameter own: directory of the group that this process is in.
  func delegated(to own: String) throws(CgroupRoot.Unavailable) -> CgroupRoot? {
    if let slash = own.lastIndex(of: "/"), own != mount {
      let (parent, last) = (String(own[..<slash]), own[own.index(after: slash)...])
      // The agent's own leaf from before an exec, or a subgroup that systemd made for it.
      if !isMachineRoot(parent), last == leafName || isGiven(parent) {
        return try root(in: parent, leaf: own, isInLeaf: true)
      }
    }
    guard !isMachineRoot(own) else { return nil }
    if isPrepared(own) {
      try requireWritable(own)
      let offered = CgroupRoot.words(files.read("\(own)/cgroup.subtree_control"))
      return CgroupRoot(path: "\(own)/\(name)", controllers: offered)
    }
    guard isGiven(own) else { return nil }
    return try root(in: own, leaf: "\(own)/\(leafName)", isInLeaf: false)
  }

  private func root(
    in group: String, leaf: String, isInLeaf: Bool
  ) throws(CgroupRoot.Unavailable) -> CgroupRoot {
    try requireWritable(group)
    let type = files.read("\(group)/cgroup.type")?.split(separator: "\n").first ?? "domain"
    guard type == "domain" else {
      throw .init(
        description: "the agent's cgroup \(group) is of the type '\(type)', in which no controller of memory works; "
          + "start the agent in a group whose cgroup.type is 'domain'")
    }
    let offered = CgroupRoot.words(files.read("\(group)/cgroup.controllers")).intersection(CgroupRoot.useful)
    guard !offered.isDisjoint(with: CgroupRoot.wanted) else {
      throw .init(
        description: "the agent's cgroup \(group) was given none of cpu, memory and pids: its cgroup.controllers lists "
          + "what there is; delegate them to the agent (systemd: Delegate=cpu memory pids)")
    }
    return CgroupRoot(
      path: "\(group)/\(name)", controllers: offered, delegation: .init(group: group, leaf: leaf, isInLeaf: isInLeaf))
  }

  /// Only the root of the whole machine's tree has no such file; what a container sees as its root has.
  private func isMachineRoot(_ group: String) -> Bool {
    group == mount && files.read("\(group)/cgroup.events") == nil
  }

  /// Somebody lets it hand controllers down already.
  private func isPrepared(_ group: String) -> Bool {
    !CgroupRoot.words(files.read("\(group)/cgroup.subtree_control")).isDisjoint(with: CgroupRoot.wanted)
  }

  /// Whether a group is the agent's to change: marked as such, the root of a container, or another user's own.
  private func isGiven(_ group: String) -> Bool {
    group == mount || files.isMarkedDelegated(group) || (geteuid() != 0 && files.writability(of: group) == 0)
  }

  func requireWritable(_ group: String) throws(CgroupRoot.Unavailable) {
    switch files.writability(of: group) {
    case 0: return
    case EROFS:
      throw .init(
        description: "\(group) is mounted read-only; mount cgroup2 read-write there (for a container: a cgroup "
          + "namespace of its own and a writable mount of it)")
    case let error:
      throw .init(
        description: "cannot make groups in \(group): \(SystemFailure.text(error)); run the agent as root, or delegate "
          + "a group to its user (systemd: User= with Delegate=yes)")
    }
  }
}
