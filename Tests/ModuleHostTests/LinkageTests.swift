import Foundation
import Testing

/// What the linker made: modules show one symbol, and daemons hold neither policies nor isolators.
@Suite struct LinkageTests {
  static let modules = [
    "drf", "strict-priority", "binpack", "lua", "cgroups", "posix", "rlimits", "disk", "namespaces", "privileges",
    "seccomp",
  ]

  /// What a module may link beside the C library, by the beginnings of names.
  static let libraries = [
    "drf": ["libswift"], "lua": ["liblua5.4."], "seccomp": ["libseccomp.so.2", "libjansson.so.4"],
  ]

  @Test(arguments: modules)
  func aModuleExportsItsEntryAndNothingElse(module: String) throws {
    let symbols = try run(["nm", "-D", "--defined-only", "--extern-only", "\(Repository.products)/lib\(module).so"])
    try #require(symbols.status == 0, "\(symbols.output)")
    let names = symbols.output.split(separator: "\n").compactMap { $0.split(separator: " ").last }
    #expect(names == ["tepui_module_entry"])
  }

  @Test(arguments: modules)
  func aModuleLinksNothingOfOurs(module: String) throws {
    let section = try run(["readelf", "-d", "\(Repository.products)/lib\(module).so"])
    try #require(section.status == 0, "\(section.output)")
    let lines = section.output.split(separator: "\n")
    let needed = lines.filter { $0.contains("(NEEDED)") }.compactMap { $0.split(separator: "[").last?.dropLast() }
    let allowed = Self.libraries[module, default: []] + ["libc.so.6"]
    #expect(needed.allSatisfy { library in allowed.contains { library.hasPrefix($0) } }, "\(needed)")
    // A library found by the path of a build machine would not be found elsewhere.
    let paths = lines.filter { $0.contains("(RUNPATH)") || $0.contains("(RPATH)") }
    #expect(paths.allSatisfy { $0.contains("[$ORIGIN]") }, "\(paths)")
  }

  @Test(arguments: ["tepui-master", "tepui-agent"])
  func aDaemonHoldsNoPolicyAndNoIsolator(program: String) throws {
    let path = "\(Repository.products)/\(program)"
    let libraries = try run(["ldd", path])
    try #require(libraries.status == 0, "\(libraries.output)")
    let symbols = try run(["nm", "-a", path])
    try #require(symbols.status == 0, "\(symbols.output)")
    let content = try Data(contentsOf: URL(filePath: path), options: .alwaysMapped)
    for module in Self.modules {
      #expect(!libraries.output.contains("lib\(module).so"))
      #expect(content.range(of: Data("org.tepui.\(module)\0".utf8)) == nil, "\(program) holds the id of \(module)")
    }
    for trace in ["tepui_module_entry", "ShareTree", "strict_priority", "cgroups_plan"] {
      #expect(!symbols.output.contains(trace), "\(program) has \(trace)")
    }
  }
}
