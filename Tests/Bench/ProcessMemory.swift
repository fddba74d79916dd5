import FoundationEssentials

enum ProcessMemory {
  struct Unreadable: Error, CustomStringConvertible {
    let description: String
  }

  /// Proportional set size: private memory, and of shared memory the process's part.
  static func pssMB(of pid: Int32) throws -> Double { try megabytes("Pss:", in: "/proc/\(pid)/smaps_rollup") }

  /// Resident set size: shared memory counts whole.
  static func rssMB(of pid: Int32) throws -> Double { try megabytes("VmRSS:", in: "/proc/\(pid)/status") }

  private static func megabytes(_ field: String, in path: String) throws -> Double {
    let words = try self.words(path)
    guard let index = words.firstIndex(of: field), index + 1 < words.count, let kilobytes = Double(words[index + 1])
    else { throw Unreadable(description: "\(path) has no line \(field)") }
    return kilobytes / 1024
  }

  private static func words(_ path: String) throws -> [String] {
    try String(contentsOfFile: path, encoding: .utf8).split { $0 == " " || $0 == "\n" || $0 == "\t" }.map(String.init)
  }

  /// The children of a process that have the name, of which the kernel keeps 15 letters, and theirs.
  static func descendants(of pid: Int32, named name: String) throws -> [Int32] {
    let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
    let children = try threads.flatMap { try words("/proc/\(pid)/task/\($0)/children").compactMap { Int32($0) } }
    let named = try children.filter { try words("/proc/\($0)/comm").first == name }
    return try named + named.flatMap { try descendants(of: $0, named: name) }
  }
}
