import Glibc

/// A namespace that a container does not share with the agent. It lives at least as long as this.
final class ContainerNamespace: Sendable {
  let descriptor: Int32

  private init(descriptor: Int32) { self.descriptor = descriptor }

  /// nil if the process has the one of the agent.
  ///
  /// - Parameter kind: as `/proc/self/ns` calls it.
  static func find(_ kind: String, of process: ProcessHandle) throws(ContainmentFailure) -> ContainerNamespace? {
    let namespace = ContainerNamespace(descriptor: open("/proc/\(process.pid)/ns/\(kind)", O_RDONLY | O_CLOEXEC))
    let error = errno
    try process.expectAlive()
    guard namespace.descriptor >= 0 else {
      throw ContainmentFailure(message: "cannot \(SystemFailure("open the task's namespace \(kind)", code: error))")
    }
    var (theirs, ours) = (stat(), stat())
    guard fstat(namespace.descriptor, &theirs) == 0, stat("/proc/self/ns/\(kind)", &ours) == 0 else {
      throw ContainmentFailure(message: "cannot \(SystemFailure("tell namespaces \(kind) apart"))")
    }
    return theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev ? nil : namespace
  }

  deinit { if descriptor >= 0 { close(descriptor) } }
}

extension ProcessHandle {
  /// Asked after its pid was used to open something: its parent may have reaped it, and the pid be another's, but not
  /// if it runs still.
  func expectAlive() throws(ContainmentFailure) {
    guard !hasEnded() else { throw ContainmentFailure(message: "the container does not run any more") }
  }
}
