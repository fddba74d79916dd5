import Foundation
import Glibc
import Testing

/// What the pages of the SDK tell a reader to write and to run, done to the letter with installed programs alone.
@Suite struct DocumentTests {
  @Test(.enabled(if: Tool.canMake, "needs make and pkg-config")) func theReadmeTakesOneToAPolicyInAMaster() throws {
    let reader = try Reader("README.md")
    try reader.follow()
    // The agent listens before it has registered.
    var modules = ""
    for _ in 0..<100 where !modules.contains("\nagent ") {
      modules = try reader.run("tepui modules --master=127.0.0.1:5050")
      usleep(100_000)
    }
    #expect(modules.contains(#/\nmaster .* org\.example\.fifo +allocator +loaded +1\.0\.0 +0\.9 /#), "\(modules)")
    #expect(
      modules.contains(#/\nagent .* org\.example\.private-tmp +isolator +loaded +1\.0\.0 +0\.9 .*size=64m/#),
      "\(modules)")
    #expect(reader.outputs.contains { $0.contains("all ") && $0.contains("checks passed") })
    #expect(FileManager.default.fileExists(atPath: "\(reader.workspace.path)/best-fit/cycles.svg"))
  }

  @Test(.enabled(if: Tool.canMake, "needs make and pkg-config")) func theGuideMakesAnIsolator() throws {
    let reader = try Reader("ISOLATORS.md")
    try reader.follow()
    #expect(reader.outputs.count { $0.contains("checks passed") } == 2)
    #expect(reader.outputs.contains { $0.contains("processes (integer, default 256)") })
    let directory = "\(reader.workspace.path)/nap/modules"
    let agent = try reader.start(
      "tepui-agent --ip=127.0.0.1 --master=127.0.0.1:1 --work_dir=/tmp/tepui-agent --modules_dir='\(directory)'")
    // Where the machine has no controller to hand on, the module says so; both is what the guide says.
    #expect(
      agent.says([
        "org.example.nap: loaded 1.0.0", "org.example.nap does not start: the cgroup controller pids is not there",
      ]), "\(agent.text)")
  }

  /// A link to a file that is not there leads nowhere.
  @Test(arguments: ["README.md", "ABI.md", "ISOLATORS.md"])
  func linksLeadSomewhere(page: String) throws {
    let text = try String(contentsOfFile: "\(Tool.root)/SDK/\(page)", encoding: .utf8)
    let links = text.matches(of: #/\]\(([^)#:]+)\)/#).map(\.output.1)
    #expect(page == "ISOLATORS.md" || !links.isEmpty)
    for link in links {
      #expect(FileManager.default.fileExists(atPath: "\(Tool.root)/SDK/\(link)"), "\(link)")
    }
  }
}

/// Somebody who follows a page from its first line to its last.
private final class Reader {
  let workspace: Workspace
  private let page: String
  private var daemons: [Daemon] = []
  private(set) var outputs: [String] = []

  init(_ page: String) throws {
    workspace = try Workspace()
    self.page = page
    try workspace.path.write(toFile: "\(workspace.path)/.at", atomically: false, encoding: .utf8)
  }

  deinit { for daemon in daemons { daemon.stop() } }

  /// Where the master that the page starts listens.
  var master: String? { daemons.first { $0.command.hasPrefix("tepui-master") }?.address }

  /// Writes each listing to its file and runs each command.
  func follow() throws {
    let text = try String(contentsOfFile: "\(Tool.root)/SDK/\(page)", encoding: .utf8)
    // Fences come in pairs, so the blocks are the odd parts.
    let blocks = text.components(separatedBy: "\n```").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
    try #require(blocks.count > 3)
    for block in blocks {
      let lines = block.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
      let words = lines[0].split(separator: " ").map(String.init)
      let body = lines.dropFirst().joined() + "\n"
      switch (words[0], words.dropFirst().first) {
      case ("sh", "daemon"):
        let daemon = try start(body)
        try #require(daemon.listens, "\(body)\(daemon.text)")
      case ("sh", nil): outputs.append(try run(body))
      case (_, let file?): try write(body, to: file)
      default: Issue.record("a block that is neither a command nor a file: \(lines[0])")
      }
    }
  }

  /// Where the reader is: `cd` lasts from one block to the next.
  private var directory: String {
    get throws {
      try String(contentsOfFile: "\(workspace.path)/.at", encoding: .utf8).trimmingCharacters(
        in: .whitespacesAndNewlines)
    }
  }

  private func write(_ text: String, to file: String) throws {
    let path = URL(filePath: "\(try directory)/\(file)")
    try FileManager.default.createDirectory(
      at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
    try text.write(to: path, atomically: false, encoding: .utf8)
  }

  func run(_ command: String) throws -> String {
    let command = command.replacing("127.0.0.1:5050", with: master ?? "127.0.0.1:5050")
    let result = try Tool.shell(
      "export PREFIX='\(try Tool.prefix.get())'\n\(command)\npwd >'\(workspace.path)/.at'", in: try directory)
    try #require(result.status == 0, "\(command)\n\(result.output)")
    #expect(!result.output.contains("warning:"), "\(result.output)")
    return result.output
  }

  /// Starts a daemon on a free port, with its files in the workspace.
  func start(_ command: String) throws -> Daemon {
    let own = command.trimmingCharacters(in: .newlines).replacing(
      #/=(/var)?/tmp/tepui/#, with: "=\(workspace.path)/work"
    )
    .replacing("127.0.0.1:5050", with: master ?? "127.0.0.1:5050")
    let more = own.hasPrefix("tepui-agent") ? " --runtime_dir='\(workspace.path)/run'" : ""
    let daemon = try Daemon(own + more + " --port=0", in: try directory, log: "\(workspace.path)/log-\(daemons.count)")
    daemons.append(daemon)
    return daemon
  }
}

/// A program of the prefix that goes on until it is stopped.
private final class Daemon {
  let command: String
  private let process = Process()
  private let log: String

  init(_ command: String, in directory: String, log: String) throws {
    self.command = command
    self.log = log
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = [
      "-ec", "export PATH='\(try Tool.prefix.get())/bin':\"$PATH\"\nexec \(command) >'\(log)' 2>&1",
    ]
    process.currentDirectoryURL = URL(filePath: directory)
    try process.run()
  }

  func stop() {
    process.terminate()
    process.waitUntilExit()
  }

  var text: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

  var address: String? {
    text.firstMatch(of: #/listening on (127\.0\.0\.1:\d+)/#).map { String($0.output.1) }
  }

  /// Whether it has got so far; it has a minute to, or until it ends.
  var listens: Bool { waits { $0.address != nil } }

  /// Whether one of these is in its log; likewise.
  func says(_ texts: [String]) -> Bool { waits { daemon in texts.contains { daemon.text.contains($0) } } }

  private func waits(for condition: (Daemon) -> Bool) -> Bool {
    for _ in 0..<600 {
      let runs = process.isRunning
      if condition(self) { return true }
      // What it wrote at last was looked at just now.
      if !runs { return false }
      usleep(100_000)
    }
    return false
  }
}
