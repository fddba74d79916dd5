/// A container that the agent launched: that of an executor or, within a pod, that of one task.
final class Container {
  let id: String
  /// The container of the pod that it runs in; nil for an executor's own.
  let parentID: String?

  enum State {
    /// Asked for, or to be found again after a restart.
    case launching
    case running(pid: Int32)
    case exited
  }
  var state = State.launching
  /// It is to be destroyed as soon as the launch is answered: containment cannot take it back before.
  var isDestroyed = false
  /// Found no process of it when it was recovered.
  var isMissing = false

  init(_ id: String, in parentID: String? = nil) {
    self.id = id
    self.parentID = parentID
  }

  var pid: Int32? {
    if case .running(let pid) = state { return pid }
    return nil
  }

  var hasExited: Bool {
    if case .exited = state { return true }
    return false
  }
}
