import CLaunch
import Glibc

/// What of a container outlives the agent: who its processes are, and how its command ended.
struct StateDirectory {
  let path: String

  /// A process as a later life of the agent finds it again.
  struct Identity: Equatable {
    var pid: Int32
    var startTime: UInt64
  }

  /// Written before the command may run, so that no command is ever unknown.
  struct LaunchRecord: Equatable {
    var bootID: String
    var supervisor: Identity
    var command: Identity
  }

  private var launchPath: String { "\(path)/launch" }

  func write(_ record: LaunchRecord) throws(SystemFailure) {
    let (supervisor, command) = (record.supervisor, record.command)
    try Files.replace(
      launchPath,
      with: """
        tepui-launch 1
        boot \(record.bootID)
        supervisor \(supervisor.pid) \(supervisor.startTime)
        command \(command.pid) \(command.startTime)

        """)
  }

  /// nil if nothing was launched, or if the record cannot be read.
  func launchRecord() -> LaunchRecord? {
    guard let text = try? Files.read(launchPath) else { return nil }
    let lines = text.split(separator: "\n").map { $0.split(separator: " ", maxSplits: 2).map(String.init) }
    guard lines.count == 4, lines[0] == ["tepui-launch", "1"], lines[1].count == 2, lines[1][0] == "boot",
      let supervisor = identity("supervisor", lines[2]), let command = identity("command", lines[3])
    else { return nil }
    return LaunchRecord(bootID: lines[1][1], supervisor: supervisor, command: command)
  }

  private func identity(_ name: String, _ words: [String]) -> Identity? {
    guard words.count == 3, words[0] == name, let pid = Int32(words[1]), pid > 1, let startTime = UInt64(words[2])
    else { return nil }
    return Identity(pid: pid, startTime: startTime)
  }

  /// The status that the supervisor stored, as of waitpid; nil if it did not come to that.
  func waitStatus() -> Int32? {
    // The pending file holds it if the rename failed.
    for name in [LAUNCH_EXIT_FILE, LAUNCH_EXIT_PENDING] {
      guard let text = try? Files.read("\(path)/\(name)"), text.utf8.count == Int(LAUNCH_EXIT_LENGTH),
        text.hasPrefix(LAUNCH_EXIT_ENDED), let line = text.split(separator: "\n").last, let status = Int32(line)
      else { continue }
      return status
    }
    return nil
  }

  /// Whether the command never ran, since the agent died before it gave its consent.
  func wasNotRun() -> Bool {
    [LAUNCH_EXIT_FILE, LAUNCH_EXIT_PENDING].contains { name in
      (try? Files.read("\(path)/\(name)"))?.hasPrefix(LAUNCH_EXIT_NOT_RUN) ?? false
    }
  }

  /// Names one run of the kernel: pids and start times mean something within it only.
  static func currentBootID() -> String {
    let text = (try? Files.read("/proc/sys/kernel/random/boot_id")) ?? ""
    return text.split(separator: "\n").first.map(String.init) ?? "unknown"
  }
}
