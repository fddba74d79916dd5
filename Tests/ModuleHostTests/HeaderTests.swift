import Foundation
import Testing

/// The headers are the contract: they compile for everybody, and their layout does not change by accident.
@Suite struct HeaderTests {
  private let workspace = try! Workspace()

  @Test(arguments: Self.headers)
  func aHeaderStandsAloneInC(header: String) throws {
    try compile(header, "cc", "c11", as: "alone.c")
  }

  @Test(.enabled(if: Repository.hasProgram("c++"), "needs a C++ compiler"), arguments: Self.headers)
  func aHeaderStandsAloneInCpp(header: String) throws {
    try compile(header, "c++", "c++11", as: "alone.cc")
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

  @Test func theLayoutIsTheOneWrittenDown() throws {
    let fixtures = "\(Repository.root)/Tests/ModuleHostTests/Fixtures"
    let program = workspace.file("layout")
    let built = try run(["cc", "-I\(Repository.root)/SDK/include", "-o", program, "\(fixtures)/layout.c"])
    try #require(built.status == 0, "\(built.output)")
    let layout = try run([program]).output
    #expect(layout == (try String(contentsOfFile: "\(fixtures)/ABI.layout", encoding: .utf8)))
  }

  /// A struct or field that layout.c leaves out could change unseen.
  @Test func theLayoutHasEveryStructAndField() throws {
    let layout = try String(
      contentsOfFile: "\(Repository.root)/Tests/ModuleHostTests/Fixtures/ABI.layout", encoding: .utf8)
    let known = Set(layout.split(separator: "\n").flatMap { $0.split(separator: " ") })
    let structure = try Regex(#"typedef struct (tepui_\w+) \{([^}]*)\} "#, as: (Substring, Substring, Substring).self)
    let field = try Regex(#"(?:\(\*)?(\w+)(?:\)\([^;]*\))?;"#, as: (Substring, Substring).self)
    var fieldCount = 0
    for header in ["module.h", "allocator.h", "isolator.h"] {
      let text = try String(contentsOfFile: "\(Repository.root)/SDK/include/tepui/\(header)", encoding: .utf8)
      let code = text.replacing(try Regex(#"/\*[\s\S]*?\*/"#), with: "")
      for type in code.matches(of: structure) {
        #expect(known.contains(type.output.1))
        for name in type.output.2.matches(of: field) {
          fieldCount += 1
          #expect(known.contains(name.output.1), "\(type.output.1).\(name.output.1)")
        }
      }
    }
    #expect(fieldCount == layout.split(separator: "\n").count { $0.hasPrefix(" ") })
  }
}
