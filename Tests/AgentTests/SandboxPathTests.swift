import Foundation
import Glibc
import Synchronization
import Testing
import Wire

@testable import Files
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
    guard let file = try? open(path) else { return nil }
    if file.isDirectory { return "a directory" }
    let content = try? Data(contentsOf: URL(filePath: "/proc/self/fd/\(file.place)"))
    return content.map { String(decoding: $0, as: UTF8.self) }
  }

  private func open(_ path: String) throws(WireRefusal) -> OpenFile {
    guard let path = SandboxPath(path, workDirectory: work.path, agentID: "A") else { throw .notFound }
    return try path.open()
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

  @Test func whatLiesOutsideIsRefusedAsByMesosAndNotShownInListings() throws {
    let run = "/frameworks/F/executors/E/runs/c1"
    for rest in ["passwd", "up/outside", "../../../../../../../../outside"] {
      #expect(throws: WireRefusal(400, "'\(work.path)/\(sandbox)/\(rest)' is inaccessible.\n")) {
        _ = try open("\(run)/\(rest)")
      }
    }
    #expect(throws: WireRefusal.notFound) { _ = try open("\(run)/missing") }
    #expect(throws: WireRefusal.notFound) { _ = try open("\(run)/stdout/x") }
    try work.link("\(sandbox)/loop", to: "loop")
    #expect(throws: WireRefusal.self) { _ = try open("\(run)/loop") }
    #expect(throws: WireRefusal.notFound) { _ = try open("\(run)/stdout\u{0}x") }

    let directory = try open(run)
    let shown = { (name: String) in
      let listing = try? FileListing(directory, path: run)
      let entries = listing.map { $0.entries(0..<$0.count) } ?? []
      return entries.first { $0.path == "\(run)/\(name)" }.map { $0.mode & S_IFMT }
    }
    #expect(shown("stdout") == S_IFREG && shown("current") == S_IFREG && shown("logs") == S_IFDIR)
    #expect(shown("passwd") == S_IFLNK && shown("up") == S_IFLNK && shown("none") == nil)
    // A pod's tasks are found by absolute links.
    try work.link("\(sandbox)/absolute", to: "\(work.path)/\(sandbox)/logs")
    #expect(shown("absolute") == S_IFDIR)
    #expect(content("\(run)/absolute/app.log") == "inner")
    #expect(content("\(run)/logs/../stdout") == "hello")
  }

  @Test func aLinkThatIsPutInTheWayIsNotFollowed() throws {
    let run = "/frameworks/F/executors/E/runs/c1"
    let (file, aside) = ("\(work.path)/\(sandbox)/logs", "\(work.path)/\(sandbox)/aside")
    try work.write("secret", to: "app.log")
    // Exchanges the directory for a link as fast as it can.
    let isOver = Atomic(false)
    let exchanger = DispatchGroup()
    DispatchQueue.global().async(group: exchanger) {
      while !isOver.load(ordering: .relaxed) {
        rename(file, aside)
        symlink(work.path, file)
        unlink(file)
        rename(aside, file)
      }
    }
    var (served, refused) = (0, 0)
    // Until both have been seen often; what is not refused is never the other.
    for _ in 0..<1_000_000 where served < 500 || refused < 500 {
      let found = content("\(run)/logs/app.log")
      if found == nil { refused += 1 } else { served += 1 }
      if let found, found != "inner" {
        Issue.record("\(found)")
        break
      }
    }
    isOver.store(true, ordering: .relaxed)
    exchanger.wait()
    #expect(served >= 500 && refused >= 500, "the exchange was not met in the middle: \(served), \(refused)")
  }

  @Test(arguments: [
    "passwd", "up/outside", "neighbour/stdout", "../../../other/runs/c2/stdout",
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
