import Foundation
import Testing

/// What `tepui-module new` makes builds with one command against the installed prefix alone, and passes its check.
@Suite struct NewTests {
  private let workspace = try! Workspace()

  @Test(
    .enabled(if: Tool.canMake, "needs make and pkg-config"), arguments: ["allocator", "isolator"], ["c", "cpp"])
  func aModuleInCOrCpp(kind: String, language: String) throws {
    try follow(kind, language, "make check")
  }

  @Test(arguments: ["allocator", "isolator"])
  func aModuleInSwift(kind: String) throws {
    try follow(kind, "swift", "swift build -c release && tepui-module check .build/release/libmy-module.so")
  }

  @Test(
    .enabled(if: Tool.isThere("cargo"), "needs cargo (Debian: rustc and cargo)"), arguments: ["allocator", "isolator"])
  func aModuleInRust(kind: String) throws {
    try follow(kind, "rust", "cargo build --release --offline && tepui-module check target/release/libmy_module.so")
  }

  private func follow(_ kind: String, _ language: String, _ command: String) throws {
    let made = try workspace.sh("tepui-module new \(kind) my-module --lang \(language)")
    try #require(made.status == 0, "\(made.output)")
    let built = try workspace.sh("cd my-module && \(command)")
    #expect(built.status == 0, "\(built.output)")
    #expect(built.output.contains(" checks passed"), "\(built.output)")
    #expect(!built.output.contains("warning:"), "\(built.output)")
    let left = try workspace.sh(
      "grep -rn '@[A-Z]*@' my-module --include=*.* --exclude-dir=.build --exclude-dir=target || true")
    #expect(left.output == "")
  }

  /// The promise of the SDK: a useful policy is this short.
  @Test(arguments: [("allocator-c/NAME.c", 60), ("allocator-swift/Sources/TYPE/TYPE.swift", 40)])
  func aUsefulPolicyIsShort(file: String, most: Int) throws {
    let text = try String(contentsOfFile: "\(Tool.root)/SDK/templates/\(file)", encoding: .utf8)
    #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count - 1 <= most)
  }

  @Test(arguments: ["Best", "1st", "a_b", "a--b", "a-", "../x", "", "\u{e9}"])
  func aNameThatIsNoneIsRefused(name: String) throws {
    let result = try workspace.sh("tepui-module new allocator '\(name)'")
    #expect(result.status == 64)
    #expect(result.output.contains("lower case letters, digits and '-'"), "\(result.output)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: workspace.path) == [])
  }

  @Test func whatIsThereIsNotOverwritten() throws {
    try FileManager.default.createDirectory(atPath: "\(workspace.path)/mine", withIntermediateDirectories: false)
    let result = try workspace.sh("tepui-module new isolator mine")
    #expect(result.status == 64)
    #expect(result.output.contains("mine exists already"))
  }
}
