import Foundation
import Testing

extension ClusterTests {
  /// A daemon with a module that it cannot use says why, and where, in one line; nobody ever sees it.
  @MainActor @Suite struct BadModules {
    enum Daemon: String, CaseIterable {
      case master = "tepui-master"
      case agent = "tepui-agent"

      /// The one that is spoilt.
      var module: String { self == .master ? "drf" : "posix" }
    }

    /// What a daemon writes that ends in vain.
    private func output(
      of daemon: Daemon, _ modules: Modules = Modules(), _ spoil: (_ modulesDirectory: String) throws -> Void
    ) async throws -> (lines: [String], modulesDirectory: String) {
      let directory = FileManager.default.temporaryDirectory.appending(path: "tepui-bad-\(UUID().uuidString)").path
      let modulesDirectory = "\(directory)/modules"
      defer { try? FileManager.default.removeItem(atPath: directory) }
      try FileManager.default.createDirectory(
        atPath: modulesDirectory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
      try modules.install(in: modulesDirectory)
      try spoil(modulesDirectory)
      let flags = daemon == .agent ? ["--master=127.0.0.1:1", "--runtime_dir=\(directory)/runtime"] : []
      let program = try Program(
        daemon.rawValue,
        ["--ip=127.0.0.1", "--port=0", "--work_dir=\(directory)/work", "--modules_dir=\(modulesDirectory)"] + flags,
        log: "\(directory)/log")
      let status = try await program.exitStatus()
      #expect(status != 0 && !program.log.contains("listening on"), "\(program.log)")
      return (program.log.split(separator: "\n").map(String.init), modulesDirectory)
    }

    /// The line that says it, which is the last, and the only one of its kind.
    private func expect(_ lines: [String], of daemon: Daemon, _ text: String) {
      let isCause = { (line: String) in line.hasPrefix(daemon == .master ? "Error: " : "E") }
      #expect(lines.count(where: isCause) == 1 && lines.last.map(isCause) == true, "\(lines)")
      #expect(lines.last?.contains(text) == true, "\(lines.last ?? "nothing") in place of \(text)")
    }

    @Test(arguments: Daemon.allCases) func aFileThatIsNoLibrary(daemon: Daemon) async throws {
      let library = "lib\(daemon.module).so"
      let (lines, directory) = try await output(of: daemon) {
        try "hello".write(toFile: "\($0)/\(library)", atomically: false, encoding: .utf8)
      }
      expect(lines, of: daemon, "\(directory)/\(library): is not a shared library but begins with \"hello\"")
    }

    @Test(arguments: Daemon.allCases) func aModuleThatIsNotThere(daemon: Daemon) async throws {
      var modules = Modules()
      (modules.allocator, modules.isolators) = ("org.example.nobody", ["org.example.nobody"])
      let (lines, directory) = try await output(of: daemon, modules) { _ in }
      expect(lines, of: daemon, "there is no module \"org.example.nobody\"; \(directory) has ")
    }

    @Test(arguments: Daemon.allCases) func aModuleOfAnotherKind(daemon: Daemon) async throws {
      var modules = Modules()
      (modules.allocator, modules.isolators) = ("org.tepui.posix", ["org.tepui.drf"])
      let (lines, directory) = try await output(of: daemon, modules) { _ in }
      expect(lines, of: daemon, "\(directory)/lib\(daemon == .master ? "posix" : "drf").so")
    }

    @Test(arguments: Daemon.allCases) func aParameterThatTheModuleRefuses(daemon: Daemon) async throws {
      var modules = Modules()
      modules.parameters = ["org.tepui.\(daemon.module)": ["colour": "green"]]
      let (lines, _) = try await output(of: daemon, modules) { _ in }
      expect(lines, of: daemon, "colour")
    }

    @Test(arguments: Daemon.allCases) func aConfigurationThatCannotBeRead(daemon: Daemon) async throws {
      let (lines, directory) = try await output(of: daemon) {
        try #"{"isolators": ["#.write(toFile: "\($0)/modules.json", atomically: false, encoding: .utf8)
      }
      expect(lines, of: daemon, "\(directory)/modules.json")
    }
  }
}
