/// How a process ended, as waitpid(2) gives it, in Mesos' words.
struct WaitStatus: CustomStringConvertible {
  private let status: Int32

  init(_ status: Int32) {
    self.status = status
  }

  var description: String {
    let signal = status & 0x7f
    guard signal != 0 else { return "exited with status \(status >> 8 & 0xff)" }
    let core = status & 0x80 != 0 ? " (core dumped)" : ""
    return "terminated with signal \(Self.names[signal] ?? "Unknown signal \(signal)")\(core)"
  }

  /// The texts of strsignal(3) on Linux.
  private static let names: [Int32: String] = [
    1: "Hangup", 2: "Interrupt", 3: "Quit", 4: "Illegal instruction", 5: "Trace/breakpoint trap", 6: "Aborted",
    7: "Bus error", 8: "Floating point exception", 9: "Killed", 10: "User defined signal 1",
    11: "Segmentation fault", 12: "User defined signal 2", 13: "Broken pipe", 14: "Alarm clock", 15: "Terminated",
    16: "Stack fault", 17: "Child exited", 18: "Continued", 19: "Stopped (signal)", 20: "Stopped",
    21: "Stopped (tty input)", 22: "Stopped (tty output)", 23: "Urgent I/O condition",
    24: "CPU time limit exceeded", 25: "File size limit exceeded", 26: "Virtual timer expired",
    27: "Profiling timer expired", 28: "Window changed", 29: "I/O possible", 30: "Power failure",
    31: "Bad system call",
  ]
}
