import AgentCore
import Containment
import Glibc

/// The sandbox of a pod. It is the agent's, and so are `containers` with the sandboxes of the pod's tasks and `tasks` with
/// links to them by task: whoever could exchange these would lead the agent astray. Users may pass through to what is
/// theirs below it.
struct PodSandbox {
  let path: String

  func prepare() throws(FileError) {
    for name in ["", "/containers", "/tasks"] {
      let directory = "\(path)\(name)"
      guard mkdir(directory, 0o711) == 0 || errno == EEXIST else { throw FileError("make the directory", directory) }
      guard chmod(directory, 0o711) == 0 else { throw FileError("open to users", directory) }
    }
  }

  /// Makes the sandbox of one task (protocol fact 112) with what it shares with the others.
  /// - Parameter linked: whether the task finds that by links, rather than mounted in a root file system of its own.
  func makeRoom(
    for nesting: ContainerLaunch.Nesting, at sandbox: String, _ owner: UserAccount?, linked: Bool
  ) throws(FileError) {
    guard mkdir(sandbox, 0o750) == 0 else { throw FileError("make the sandbox", sandbox) }
    try Sandbox.give(sandbox, to: owner)
    let link = "\(path)/tasks/\(nesting.taskID)"
    // An earlier task may have had the id.
    unlink(link)
    guard symlink(sandbox, link) == 0 else { throw FileError("make the link", link) }
    let parentOwner = try Sandbox.account(of: nesting.parentUser)
    for shared in nesting.paths {
      try make(shared.path, for: parentOwner)
      guard linked else { continue }
      try Volumes.link(
        VolumeLink(source: "\(path)/\(shared.path)", containerPath: shared.containerPath, isShared: true),
        into: sandbox, for: owner)
    }
  }

  /// Makes a directory below the pod's sandbox that belongs to the user of the pod. Tasks may have made links in it.
  private func make(_ relative: String, for owner: UserAccount?) throws(FileError) {
    var directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard directory >= 0 else { throw FileError("open the sandbox of the pod", path) }
    defer { close(directory) }
    for name in relative.split(separator: "/").map(String.init) {
      let isNew = mkdirat(directory, name, 0o750) == 0
      guard isNew || errno == EEXIST else { throw FileError("make the directory \(relative) in", path) }
      let child = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      guard child >= 0 else { throw FileError("open the directory \(relative) in", path) }
      close(directory)
      directory = child
      if isNew, let owner, fchown(child, owner.uid, owner.gid) != 0 {
        throw FileError("give away the directory \(relative) in", path)
      }
    }
  }
}
