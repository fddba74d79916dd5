import ModuleHost

extension ContainerPlan {
  /// A task would rely on what it asked for, so what no isolator took up is an error.
  func check(_ wishes: ContainerDescription.Wishes) throws(Refusal) {
    if wishes.effectiveCapabilities != nil || wishes.boundingCapabilities != nil, capabilities == nil {
      throw Self.unheard("capabilities", by: "privileges")
    }
    if !wishes.seccompProfile.isEmpty, seccomp == nil { throw Self.unheard("a seccomp profile", by: "seccomp") }
    if wishes.isUnconfined, seccomp != nil {
      throw .invalid(isolator: Self.task, reason: "it asks for no seccomp profile, but an isolator sets one")
    }
    if !wishes.hostname.isEmpty, hostname != wishes.hostname { throw Self.unheard("a hostname", by: "namespaces") }
    if wishes.shmBytes > 0, !mounts(at: "/dev/shm") { throw Self.unheard("a size of /dev/shm", by: "namespaces") }
  }

  private static func unheard(_ wish: String, by module: String) -> Refusal {
    .invalid(
      isolator: task, reason: "it asks for \(wish), which this agent gives only with the isolator '\(module)' active")
  }
}
