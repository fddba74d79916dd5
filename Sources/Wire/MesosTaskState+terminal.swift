extension MesosTaskState {
  /// No further state follows, except when an unreachable agent comes back.
  public var isTerminal: Bool {
    switch self {
    case .taskFinished, .taskFailed, .taskKilled, .taskError, .taskLost, .taskDropped, .taskGone, .taskGoneByOperator:
      true
    case .taskStaging, .taskStarting, .taskRunning, .taskKilling, .taskUnreachable, .taskUnknown:
      false
    }
  }
}
