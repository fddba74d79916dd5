import Foundation
import Testing

/// What Sources/install makes runs on a machine that has no Swift toolchain.
@Suite struct InstallTests {
  /// Where programs look for the Swift runtime outside of their prefix: in the toolchain that they were built with.
  private static func toolchain() throws -> [String] {
    let section = Tool.run(["readelf", "-d", "\(try Tool.prefix.get())/bin/tepui-master"]).output
    let paths = section.firstMatch(of: #/runpath: \[([^\]]*)\]/#)?.output.1.split(separator: ":") ?? []
    return paths.filter { !$0.hasPrefix("$ORIGIN") }.map(String.init)
  }

  /// Runs commands where the toolchain's libraries are not there, and its programs not on the path.
  private static func withoutToolchain(_ command: String) throws -> (status: Int32, output: String) {
    let hiding = try toolchain().map { "mount -t tmpfs none '\($0)'; test ! -e '\($0)/libswiftCore.so'" }
    let script = hiding + ["export PATH='\(try Tool.prefix.get())/bin':/usr/bin:/bin", command]
    return Tool.run(["env", "-u", "LD_LIBRARY_PATH", "unshare", "-rm", "sh", "-ec", script.joined(separator: "\n")])
  }

  private static var canHide: Bool { (try? withoutToolchain("true"))?.status == 0 }

  @Test(.enabled(if: canHide, "needs readelf, and unshare(1) with user namespaces to hide the toolchain"))
  func programsNeedNoToolchain() throws {
    #expect(try !Self.toolchain().isEmpty, "nothing was hidden")
    for program in ["tepui", "tepui-master", "tepui-agent", "tepui-module"] {
      let result = try Self.withoutToolchain("\(program) --help")
      #expect(result.status == 0 && result.output.contains("USAGE: \(program)"), "\(program): \(result.output)")
    }
    // It has no help.
    let fetcher = try Self.withoutToolchain("ldd \"$(command -v tepui-fetcher)\"")
    #expect(fetcher.status == 0 && !fetcher.output.contains("not found"), "\(fetcher.output)")
    // Neither do modules, be they in Swift.
    let check = try Self.withoutToolchain(
      "tepui-module check --rounds 2 '\(try Tool.prefix.get())/lib/tepui/modules/libdrf.so'")
    #expect(check.status == 0, "\(check.output)")
  }
}
