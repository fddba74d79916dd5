import Foundation
import ModuleKit
import Testing

/// The headers are the contract: they compile for everybody without a warning.
@Suite struct HeaderTests {
  private let workspace = try! Workspace()

  @Test(arguments: Self.headers, ["c99", "c11", "c17"])
  func aHeaderStandsAloneInC(header: String, standard: String) throws {
    try compile(header, "cc", standard, as: "alone.c")
  }

  @Test(
    .enabled(if: Repository.hasProgram("c++"), "needs a C++ compiler"), arguments: Self.headers,
    ["c++11", "c++17", "c++20"])
  func aHeaderStandsAloneInCpp(header: String, standard: String) throws {
    try compile(header, "c++", standard, as: "alone.cc")
  }

  /// By the compiler that Swift brings along, which has warnings of its own.
  @Test(.enabled(if: Repository.hasProgram("swiftc"), "needs swiftc"))
  func theHeadersCompileThroughSwift() throws {
    try workspace.write("alone.swift", "import CTepui\nlet status: tepui_status = TEPUI_OK\n")
    let result = try run(
      ["swiftc", "-typecheck", "-warnings-as-errors", "-I\(Repository.root)/SDK/include"]
        + ["-pedantic", "-Wall", "-Wextra", "-Werror"].flatMap { ["-Xcc", $0] } + [workspace.file("alone.swift")])
    #expect(result.status == 0, "\(result.output)")
  }

  /// What an isolator can be told and can say, it can in Swift.
  @Test func theSwiftSideSpeaksAllOfAnIsolator() throws {
    let directory = "\(Repository.root)/SDK/Swift"
    let sources = try FileManager.default.contentsOfDirectory(atPath: directory).map { file in
      try String(contentsOfFile: "\(directory)/\(file)", encoding: .utf8)
    }
    // Without comments, which may speak of anything.
    let lines = sources.joined().split(separator: "\n").filter { !$0.contains("//") }
    let words = Set(lines.joined(separator: "\n").split { !$0.isLetter && !$0.isNumber && $0 != "_" })
    let names = Header(
      try String(contentsOfFile: "\(Repository.root)/SDK/include/tepui/isolator.h", encoding: .utf8)
    ).names
    #expect(names.count > 100)
    // A nil, and what Swift has functions of its own for.
    let others: Set = ["TEPUI_UNLIMITED", "tepui_requested", "tepui_limit"]
    for name in names where !others.contains(name) {
      let word = try #require(name.split(separator: ".").last)
      #expect(words.contains(word), "\(name)")
    }
  }

  private static let headers = ["module.h", "allocator.h", "isolator.h", "tepui.h"]

  private func compile(_ header: String, _ compiler: String, _ standard: String, as source: String) throws {
    try workspace.write(source, "#include \"tepui/\(header)\"\nint main(void) { return 0; }\n")
    let result = try run([
      compiler, "-std=\(standard)", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fsyntax-only",
      "-I\(Repository.root)/SDK/include", workspace.file(source),
    ])
    #expect(result.status == 0, "\(result.output)")
  }
}
