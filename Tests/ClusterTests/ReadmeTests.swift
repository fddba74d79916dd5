import Foundation
import Testing
import Transport

extension ClusterTests {
  /// What the README tells strangers to do works.
  @MainActor @Suite struct Readme {
    private static var text: String {
      get throws { try String(contentsOfFile: "\(Repository.root)/README.md", encoding: .utf8) }
    }

    @Test(arguments: [("tepui-master", [String]()), ("tepui-agent", []), ("tepui run", ["run"])])
    func flagsInTheReadmeAreFlagsOfThePrograms(command: String, subcommand: [String]) async throws {
      let lines = try Self.text.split(separator: "\n").filter { $0.hasPrefix("    \(command) ") }
      #expect(!lines.isEmpty)
      let flags = lines.flatMap { $0.matches(of: /--([a-z_]+)/).map { "--\($0.output.1)" } }
      #expect(!flags.isEmpty)
      let log = FileManager.default.temporaryDirectory.appending(path: "help-\(UUID().uuidString).log").path
      defer { try? FileManager.default.removeItem(atPath: log) }
      let name = command.split(separator: " ").first.map(String.init) ?? command
      let program = try Program(name, subcommand + ["--help"], log: log)
      #expect(try await program.exitStatus() == 0)
      for flag in flags { #expect(program.log.contains(flag), "\(flag)") }
    }

    @Test func flagsComeFromTheEnvironmentTooAndBadOnesAreNamed() async throws {
      let log = FileManager.default.temporaryDirectory.appending(path: "environment-\(UUID().uuidString).log").path
      defer { try? FileManager.default.removeItem(atPath: log) }
      let program = try Program(
        "tepui-master", [], log: log, environment: ["TEPUI_PORT": "many", "TEPUI_WORK_DIR": "/nowhere"])
      #expect(try await program.exitStatus() != 0)
      #expect(program.log.contains("TEPUI_PORT is 'many', which is no value for --port"), "\(program.log)")
    }

    @Test func pathsInTheReadmeExist() throws {
      let paths = try Self.text.matches(of: /`((Sources|Tests|SDK|Modules)(\/[\w\/.-]+)?)`/).map { String($0.output.1) }
      #expect(paths.count >= 10)
      for path in paths { #expect(FileManager.default.fileExists(atPath: "\(Repository.root)/\(path)"), "\(path)") }
    }

    @Test func theModulesFileOfTheReadmeIsTakenByAMaster() async throws {
      let begin = try #require(try Self.text.firstRange(of: "    {\n"))
      let end = try #require(try Self.text.firstRange(of: "\n    }\n"))
      let json = String(try Self.text[begin.lowerBound..<end.upperBound])
      try await Cluster.run(agents: []) { cluster in
        try await cluster.stopMaster()
        try json.write(toFile: "\(cluster.modulesDirectory)/modules.json", atomically: true, encoding: .utf8)
        try await cluster.startMaster()
        let list = String(buffer: try await cluster.get(cluster.master.endpoint, "/modules").body)
        #expect(list.contains(#""id":"org.tepui.drf""#) && list.contains(#""state":"loaded""#), "\(list)")
      }
    }
  }
}

extension String {
  fileprivate func write(toFile path: String, atomically: Bool, encoding: Encoding) throws {
    try write(to: URL(filePath: path), atomically: atomically, encoding: encoding)
  }
}
