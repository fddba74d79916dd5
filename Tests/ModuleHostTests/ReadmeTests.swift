import Foundation
import ModuleHost
import Testing

/// What SDK/README.md shows, at work in a host: the tests build just these listings, by just these commands. What it does
/// with installed programs is for the tests of the tool.
@Suite struct ReadmeTests {
  private let workspace = try! Workspace()

  /// A fenced block: a listing with a file name, or commands.
  private struct Block {
    let language: String
    let file: String?
    let text: String
  }

  private func blocks(ofSection title: String) throws -> [Block] {
    let readme = try String(contentsOfFile: "\(Repository.root)/SDK/README.md", encoding: .utf8)
    let section = try #require(
      readme.components(separatedBy: "\n## ").first { $0.hasPrefix("\(title)\n") }, "no section \(title)")
    // Fences come in pairs, so the blocks are the odd parts.
    return section.components(separatedBy: "\n```").enumerated().filter { $0.offset % 2 == 1 }.map { _, part in
      let lines = part.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
      let words = lines[0].split(separator: " ").map(String.init)
      return Block(language: words[0], file: words.dropFirst().first, text: lines.dropFirst().joined() + "\n")
    }
  }

  /// Writes listings and runs commands in the order of the section.
  private func follow(_ title: String) throws {
    let blocks = try blocks(ofSection: title)
    try #require(blocks.contains { $0.language == "sh" } && blocks.contains { $0.file != nil })
    for block in blocks where block.file != "daemon" && !block.text.hasPrefix("tepui") {
      if let file = block.file {
        let directory = URL(filePath: workspace.file(file)).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try workspace.write(file, block.text)
      } else {
        let commands = "export PREFIX='\(try prefix())'\n\(block.text)"
        let result = try run(["sh", "-ec", commands], in: workspace.path)
        try #require(result.status == 0, "\(block.text)\n\(result.output)")
        #expect(!result.output.contains("warning:"), "\(result.output)")
      }
    }
  }

  /// What an installation has, without one.
  private func prefix() throws -> String {
    let prefix = workspace.file("prefix")
    if FileManager.default.fileExists(atPath: prefix) { return prefix }
    try FileManager.default.createDirectory(atPath: "\(prefix)/share/tepui", withIntermediateDirectories: true)
    for (link, target) in [("include", "SDK/include"), ("share/tepui/sdk", "SDK")] {
      try FileManager.default.createSymbolicLink(
        atPath: "\(prefix)/\(link)", withDestinationPath: "\(Repository.root)/\(target)")
    }
    return prefix
  }

  private func host() throws -> ModuleHost {
    try ModuleHost(
      product: "tepui-test", version: "0", directory: workspace.file("modules"), configuration: nil,
      logger: .init(label: "test") { [log = workspace.log] _ in log })
  }

  @Test func thePolicyInCWorks() throws {
    try follow("A policy in C")
    var cluster = Cluster(policy: try host().loadAllocator(named: nil))
    #expect(workspace.log.lines.first == "info: org.example.fifo: first come, first served")
    try cluster.addAgents(2)
    cluster.addFramework("f1", "dev")
    cluster.addFramework("f2", "dev")
    #expect(cluster.granted() == ["f1": 2])
  }

  @Test func thePolicyInSwiftWorks() throws {
    try follow("A policy in C")
    try follow("A policy in Swift")
    var cluster = Cluster(policy: try host().loadAllocator(named: nil))
    #expect(workspace.log.lines.first == "info: org.example.first-fit: the newest framework is first")
    try cluster.addAgents(2)
    cluster.addFramework("f1", "dev")
    cluster.addFramework("f2", "dev")
    #expect(cluster.granted() == ["f2": 2])
  }

  @Test func theIsolatorWorks() throws {
    try FileManager.default.createDirectory(
      atPath: workspace.file("modules"), withIntermediateDirectories: false)
    try follow("An isolator")
    let isolator = try #require(try host().loadIsolators(named: ["private-tmp"], node: .test).first)
    #expect(
      try isolator.plan(.test, running: false) == [
        .namespaces(.mount),
        .mount(
          .init(
            type: "tmpfs", source: "tmpfs", target: "/tmp", options: "mode=1777,size=64m")),
      ])
    #expect(try isolator.plan(.test, running: true) == [])
  }
}
