import Foundation
import Glibc
import Testing

@testable import tepui_agent

@Suite struct SandboxPathTests {
  private let work: TemporaryDirectory
  private let sandbox = "slaves/A/frameworks/F/executors/E/runs/c1"

  init() throws {
    work = try TemporaryDirectory()
    _ = try work.make("\(sandbox)/logs")
    _ = try work.make("slaves/A/frameworks/F/executors/other/runs/c2")
    try work.write("hello", to: "\(sandbox)/stdout")
    try work.write("inner", to: "\(sandbox)/logs/app.log")
    try work.write("secret", to: "slaves/A/frameworks/F/executors/other/runs/c2/stdout")
    try work.write("secret", to: "outside")
    try work.link("slaves/A/frameworks/F/executors/E/runs/latest", to: "c1")
    try work.link("\(sandbox)/current", to: "logs/app.log")
    try work.link("\(sandbox)/passwd", to: "/etc/passwd")
    try work.link("\(sandbox)/up", to: "../../../../../../../..")
    try work.link("\(sandbox)/neighbour", to: "../../../other/runs/c2")
  }

  /// What is behind a path; nil if it is not served.
  private func content(_ path: String) -> String? {
    guard let descriptor = SandboxPath(path, workDirectory: work.path, agentID: "A")?.open() else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 100)
    let count = read(descriptor, &bytes, bytes.count)
    return count < 0 ? "a directory" : String(decoding: bytes[..<count], as: UTF8.self)
  }

  @Test func aSandboxIsFoundByItsRealPathAndByTheVirtualOne() {
    #expect(content("\(work.path)/\(sandbox)/stdout") == "hello")
    #expect(content("/frameworks/F/executors/E/runs/c1/stdout") == "hello")
    #expect(content("/frameworks/F/executors/E/runs/latest/stdout") == "hello")
    #expect(content("/frameworks/F/executors/E/runs/latest/logs/app.log") == "inner")
    #expect(content("/frameworks/F/executors/E/runs/latest") == "a directory")
  }

  @Test func linksWithinTheSandboxAreFollowed() {
    #expect(content("/frameworks/F/executors/E/runs/c1/current") == "inner")
  }

  @Test(arguments: [
    "passwd", "up/outside", "neighbour/stdout", "../../../other/runs/c2/stdout", "./stdout",
    "../../../../../../../outside",
    "missing",
  ])
  func nothingElseIsServed(rest: String) {
    #expect(content("/frameworks/F/executors/E/runs/c1/\(rest)") == nil)
  }

  @Test(arguments: [
    "/", "", "/etc/passwd", "stdout", "/frameworks", "/frameworks/F/executors/E/runs", "/frameworks/../../outside",
    "/frameworks/F/executors/E/runs/..", "/frameworks/F/executors/E/runs/none/stdout",
  ])
  func pathsOutsideOfSandboxesAreNotServed(path: String) {
    #expect(content(path) == nil)
    #expect(content("\(work.path)/outside") == nil)
    #expect(content("\(work.path)/slaves") == nil)
  }
}
