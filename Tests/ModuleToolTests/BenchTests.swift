import Foundation
import FoundationXML
import Testing

/// `tepui-module bench` measures policies side by side. What it measures is not asserted: this machine may be busy.
@Suite struct BenchTests {
  private let workspace = try! Workspace()

  private func modules(_ names: String...) throws -> String {
    let directory = "\(try Tool.prefix.get())/lib/tepui/modules"
    return names.map { "'\(directory)/lib\($0).so'" }.joined(separator: " ")
  }

  @Test func severalModulesAreInOneTable() throws {
    let result = try workspace.sh(
      "tepui-module bench --agents 100,20 --frameworks 1,5 --runs 1 \(try modules("strict-priority", "drf"))")
    #expect(result.status == 0, "\(result.output)")
    let rows = result.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    #expect(rows.count { $0 == ["AGENTS", "FRAMEWORKS", "org.tepui.strict-priority", "org.tepui.drf"] } == 4)
    for size in [["20", "1"], ["20", "5"], ["100", "1"], ["100", "5"]] {
      let own = rows.filter { $0.count == 4 && Array($0.prefix(2)) == size }
      #expect(own.count == 4, "\(result.output)")
      #expect(own.allSatisfy { $0.dropFirst(2).allSatisfy { (Double($0) ?? -1) >= 0 } }, "\(result.output)")
    }
  }

  @Test func aPlotIsAPicture() throws {
    let result = try workspace.sh(
      "tepui-module bench --agents 10,1000 --frameworks 2,20 --runs 1 --svg plot.svg "
        + "--parameter unused_agents=1000000 \(try modules("binpack", "lua"))")
    #expect(result.status == 0, "\(result.output)")
    let picture = try XMLDocument(contentsOf: URL(filePath: "\(workspace.path)/plot.svg"))
    let root = try #require(picture.rootElement())
    #expect(root.name == "svg")
    // Two figures × two numbers of frameworks × two modules.
    #expect(try root.nodes(forXPath: "//*[local-name()='polyline']").count == 8)
    let texts = try root.nodes(forXPath: "//*[local-name()='text']").compactMap(\.stringValue)
    for text in [
      "org.tepui.binpack", "org.tepui.lua", "2 frameworks", "20 frameworks", "ms of processor time", "agents",
    ] { #expect(texts.contains(text), "\(text)") }
  }

  @Test func machinesGetJSON() throws {
    let result = try workspace.sh(
      "tepui-module bench --json --agents 10 --frameworks 2 --runs 1 \(try modules("binpack")) 2>/dev/null")
    let points = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String: Any]])
    let figures = try #require(points.first?["figures"] as? [String: Any], "\(result.output)")
    #expect(points.count == 1 && points[0]["module"] as? String == "org.tepui.binpack")
    // By default it offers one agent that nobody uses.
    #expect(figures["granted_agents"] as? Int == 1)
    for name in ["first_ms", "changed_ms", "nothing_ms", "declined_ms", "memory_bytes"] {
      #expect(figures[name] is NSNumber, "\(name)")
    }
  }

  /// A module that crashes or hangs at a size is told so, and the others are measured all the same.
  @Test func whatCannotBeMeasuredIsNamed() throws {
    let file = try workspace.policy(
      "if (view->candidate_count > 50) abort(); if (view->candidate_count > 15) for (;;) {}")
    let result = try workspace.sh(
      "tepui-module bench --agents 10,20,60 --frameworks 1 --runs 1 --limit 2 \(file) \(try modules("drf"))")
    #expect(result.status == 1)
    #expect(result.output.contains("org.example.test, 20 × 1: it did not come to an end of this size within 2 s"))
    #expect(result.output.contains("org.example.test, 60 × 1: it crashed the process while this size: signal 6"))
    #expect(result.output.contains("org.example.test, 10 × 1: of 10 free agents it offered 0 in the first cycle"))
  }

  @Test(arguments: [
    ("--agents 0", "--agents"), ("--frameworks 1,,2", "--frameworks"), ("--runs 0", "--runs must be from 1 to 1000"),
    ("--parameter nothing=1", "--parameter nothing: org.tepui.binpack has no such parameter"),
    ("--parameter unused_agents=0", "unused_agents: it must be an integer from 1 to 1000000"),
  ])
  func aWrongOptionIsRefused(option: String, text: String) throws {
    let result = try workspace.sh(
      "tepui-module bench --agents 1 --frameworks 1 --runs 1 \(option) \(try modules("binpack"))")
    #expect(result.status != 0)
    #expect(result.output.contains(text), "\(result.output)")
  }

  @Test func aParameterMustBeOfOneOfTheModules() throws {
    let both = try modules("binpack", "drf")
    let sizes = "--agents 1 --frameworks 1 --runs 1"
    #expect(try workspace.sh("tepui-module bench \(sizes) --parameter unused_agents=2 \(both)").status == 0)
    let result = try workspace.sh("tepui-module bench \(sizes) --parameter nothing=1 \(both)")
    #expect(result.status == 64)
    #expect(result.output.contains("--parameter nothing: none of these modules has such a parameter"))
  }

  @Test func anIsolatorHasNoCycles() throws {
    let result = try workspace.sh("tepui-module bench \(try modules("posix"))")
    #expect(result.status == 64)
    #expect(result.output.contains("org.tepui.posix is an isolator; only allocators have cycles to measure"))
  }

  @Test func theReferenceIsPrintedFromTheInstalledHeaders() throws {
    let result = try workspace.sh("tepui-module reference")
    #expect(result.status == 0)
    #expect(result.output.hasPrefix("# Reference of the module ABI "))
    #expect(result.output.contains("#### tepui_isolator_lifecycle\n\nFor what a plan cannot say."))
    #expect(
      try workspace.sh("cmp \"$(tepui-module reference >r; echo r)\" '\(Tool.prefix.get())/share/tepui/reference.md'")
        .status == 0)
  }
}
