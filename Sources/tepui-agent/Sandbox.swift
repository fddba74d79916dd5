import AgentCore
import Containment
import Glibc

/// Makes the directory that a container works in. Blocks.
struct Sandbox {
  let launch: ContainerLaunch

  /// Protocol fact 112. The sandbox belongs to the task's user; what is above it to the agent.
  func make() throws(FileError) {
    let owner = try Self.account(of: launch.user)
    let path = launch.sandbox
    if let nesting = launch.nesting {
      try PodSandbox(path: nesting.parentSandbox).makeRoom(
        for: nesting, at: path, owner, linked: launch.setup.root == nil)
      return try fill(for: owner)
    }
    guard let slash = path.lastIndex(of: "/") else { throw FileError("'\(path)' is no path of a sandbox") }
    let runs = String(path[..<slash])
    try Directories.make(runs, mode: 0o755)
    guard mkdir(path, 0o750) == 0 else { throw FileError("make the sandbox", path) }
    if launch.isPod { try PodSandbox(path: path).prepare() } else { try Self.give(path, to: owner) }
    try Directories.link("\(runs)/latest", to: launch.containerID)
    try fill(for: owner)
  }

  static func give(_ path: String, to owner: UserAccount?) throws(FileError) {
    guard let owner, owner.uid != geteuid() || owner.gid != getegid() else { return }
    guard chown(path, owner.uid, owner.gid) == 0 else {
      let failure = FileError("give to the user of the task", path)
      throw FileError("\(failure); run the agent as root, or with --switch_user=false")
    }
  }

  private func fill(for owner: UserAccount?) throws(FileError) {
    if launch.setup.root == nil {
      try Volumes.link(launch.volumes, into: launch.sandbox, for: owner)
    } else {
      try Volumes.give(launch.volumes, to: owner)
    }
  }

  static func account(of user: String?) throws(FileError) -> UserAccount? {
    guard let user else { return nil }
    guard let account = UserAccount(user) else { throw FileError("there is no user '\(user)' on this agent") }
    return account
  }
}
