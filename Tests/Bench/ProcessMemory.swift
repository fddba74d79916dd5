import FoundationEssentials

enum ProcessMemory {
  struct Unreadable: Error, CustomStringConvertible {
    let description: String
  }

  /// Proportional set size: private memory, and of shared memory the process's part.
  static func pssMB(of pid: Int32) throws -> Double {
    let path = "/proc/\(pid)/smaps_rollup"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    for line in text.split(separator: "\n") where line.hasPrefix("Pss:") {
      let fields = line.split(separator: " ")
      if fields.count > 1, let kilobytes = Double(fields[1]) { return kilobytes / 1024 }
    }
    throw Unreadable(description: "\(path) has no line Pss")
  }
}
