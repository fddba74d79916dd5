import CLaunch
import Glibc

/// The mounts of a running container that has its own.
public final class ContainerMounts: Sendable {
  private let namespace: ContainerNamespace
  /// Of the container; that of the namespace may be another one.
  private let root: Int32

  private init(_ namespace: ContainerNamespace, root: Int32) { (self.namespace, self.root) = (namespace, root) }

  /// nil if the process sees the agent's mounts.
  static func find(of process: ProcessHandle) throws(ContainmentFailure) -> ContainerMounts? {
    guard let namespace = try ContainerNamespace.find("mnt", of: process) else { return nil }
    let mounts = ContainerMounts(namespace, root: open("/proc/\(process.pid)/root", O_RDONLY | O_DIRECTORY | O_CLOEXEC))
    let error = errno
    try process.expectAlive()
    guard mounts.root >= 0 else {
      throw ContainmentFailure(message: "cannot \(SystemFailure("open the container's root", code: error))")
    }
    return mounts
  }

  deinit { if root >= 0 { close(root) } }

  /// Has the container see a directory of the agent's machine below its sandbox. What is seen there already stays. Blocks.
  ///
  /// - Parameters:
  ///   - path: below the sandbox; what is missing of it is made, and no link in it is followed.
  ///   - sandbox: absolute, as the container sees it.
  ///   - owner: of what is made; nil is the agent itself.
  public func bind(
    _ directory: String, at path: String, below sandbox: String, for owner: UserAccount?
  ) throws(ContainmentFailure) {
    let error = directory.withCString { source in
      sandbox.withCString { sandbox in
        path.withCString { path in
          var binding = launch_binding(
            namespace_fd: namespace.descriptor, root_fd: root, source: source, sandbox: sandbox, path: path,
            user: owner?.uid ?? geteuid(), group: owner?.gid ?? getegid())
          return launch_bind(&binding)
        }
      }
    }
    if error != 0 {
      let failure = SystemFailure("cannot mount \(directory) at \(path) in the sandbox", code: error)
      throw ContainmentFailure(message: "\(failure)")
    }
  }
}
