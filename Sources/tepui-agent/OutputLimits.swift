import Containment
import Daemon

/// How large the outputs of a task may grow: what the flags say, unless its command says it for itself by the variables
/// of Mesos' logrotate logger. 0 is without bound.
struct OutputLimits: Sendable {
  let stdout: BytesFlag
  let stderr: BytesFlag
  let olderFiles: UInt32

  init(_ flags: AgentFlags) {
    (stdout, stderr) = (flags.maxStdoutSize, flags.maxStderrSize)
    olderFiles = UInt32(flags.rotatedFiles)
  }

  static let stdoutVariable = "CONTAINER_LOGGER_MAX_STDOUT_SIZE"
  static let stderrVariable = "CONTAINER_LOGGER_MAX_STDERR_SIZE"

  /// What of a command's variables is no size; nil for nothing.
  func problem(in environment: [String: String]) -> String? {
    for name in [Self.stdoutVariable, Self.stderrVariable] {
      if let text = environment[name], BytesFlag(argument: text) == nil {
        return "\(name) is '\(text)', which is no size; give one such as 10MB"
      }
    }
    return nil
  }

  /// nil lets both grow.
  func bounds(for environment: [String: String]) -> LaunchRequest.OutputBounds? {
    let sizes = [(Self.stdoutVariable, stdout), (Self.stderrVariable, stderr)].map { name, flag in
      let size = environment[name].flatMap { BytesFlag(argument: $0) } ?? flag
      return size.bytes > 0 ? UInt64(size.bytes) : .max
    }
    guard sizes.contains(where: { $0 != .max }) else { return nil }
    return .init(stdoutBytes: sizes[0], stderrBytes: sizes[1], olderFiles: olderFiles)
  }
}
