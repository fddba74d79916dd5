import AgentCore
import Foundation
import Glibc
import NIOCore
import NIOPosix
import Testing

@testable import tepui_agent

@Suite struct GarbageCollectorTests {
  private let work: TemporaryDirectory
  private let runs = "slaves/A/frameworks/F/executors/E/runs"

  init() throws {
    work = try TemporaryDirectory()
  }

  /// Makes a sandbox with a file in it whose container ended so long ago.
  @discardableResult
  private func sandbox(_ path: String, hours: Int = 0) throws -> String {
    let path = try work.make(path)
    try Data("log".utf8).write(to: URL(filePath: "\(path)/stdout"))
    try setAge(path, hours: hours)
    return path
  }

  private func setAge(_ path: String, hours: Int) throws {
    let then = timespec(tv_sec: time(nil) - 3600 * hours, tv_nsec: 0)
    try #require(utimensat(AT_FDCWD, path, [then, then], AT_SYMLINK_NOFOLLOW) == 0)
  }

  private func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat("\(work.path)/\(path)", &status) == 0
  }

  /// Runs a collector until something holds of its statistics.
  private func collect(
    delayHours: Int64, headroom: Double = 0, live: Set<String> = [], agentID: String? = "A",
    until isDone: @escaping @Sendable (GarbageCollector.Statistics) -> Bool
  ) async throws -> GarbageCollector.Statistics {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let path = work.path
    let configuration = GarbageCollector.Configuration(
      rules: SandboxCollection(delayNs: delayHours * 3_600_000_000_000, diskHeadroom: headroom), workDirectory: path,
      intervalNs: 1_000_000)
    let collector = try await loop.submit {
      let collector = GarbageCollector(configuration, on: loop, isLive: { live.contains($0) }) { removed in
        for sandbox in removed { SandboxScan(workDirectory: path).removeEmptyParents(of: sandbox, besides: agentID) }
      }
      collector.start()
      return NIOLoopBound(collector, eventLoop: loop)
    }.get()
    while true {
      let statistics = try await loop.submit { collector.value.statistics }.get()
      if isDone(statistics) { return statistics }
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  @Test func oldSandboxesGoAndYoungAndLiveOnesStay() async throws {
    try sandbox("\(runs)/old", hours: 1000)
    try sandbox("\(runs)/young")
    try sandbox("\(runs)/live", hours: 1000)
    try sandbox("slaves/formerly/frameworks/G/executors/E/runs/c", hours: 1000)
    try work.link("\(runs)/latest", to: "young")
    let statistics = try await collect(delayHours: 100, live: ["live"]) { $0.succeeded == 2 }
    #expect(statistics.failed == 0 && statistics.pending == 1)
    #expect(!exists("\(runs)/old") && exists("\(runs)/young/stdout") && exists("\(runs)/live/stdout"))
    #expect(exists("\(runs)/latest") && !exists("slaves/formerly"))
  }

  @Test func whereNoDiskIsToBeTakenEverythingDeadGoesAtOnce() async throws {
    try sandbox("\(runs)/c1")
    try sandbox("\(runs)/live")
    _ = try await collect(delayHours: 100, headroom: 1, live: ["live"]) { $0.succeeded == 1 }
    #expect(!exists("\(runs)/c1") && exists("\(runs)/live/stdout"))
  }

  @Test func theDirectoriesAboveGoWithTheLastSandbox() async throws {
    try sandbox("\(runs)/c1", hours: 10)
    try sandbox("slaves/A/frameworks/F/executors/E2/runs/c2")
    try work.link("\(runs)/latest", to: "c1")
    _ = try await collect(delayHours: 5) { $0.succeeded == 1 }
    try await gone("slaves/A/frameworks/F/executors/E")
    #expect(exists("slaves/A/frameworks/F/executors/E2/runs/c2"))
    try setAge("\(work.path)/slaves/A/frameworks/F/executors/E2/runs/c2", hours: 10)
    // The collector still comes by.
    try await gone("slaves/A/frameworks")
    #expect(exists("slaves/A"))
  }

  private func gone(_ path: String) async throws {
    for _ in 0..<1000 where exists(path) { try await Task.sleep(for: .milliseconds(5)) }
    #expect(!exists(path))
  }

  @Test func whatLinksInSandboxesLeadToStays() async throws {
    let victim = try work.make("victim")
    try work.write("precious", to: "victim/file")
    try sandbox("\(runs)/c1")
    try work.link("\(runs)/c1/away", to: victim)
    try work.link("\(runs)/c1/up", to: "../../../../../../../..")
    // A link in the place of a sandbox is none.
    try work.link("\(runs)/c2", to: victim)
    try setAge("\(work.path)/\(runs)/c1", hours: 10)
    try setAge("\(work.path)/\(runs)/c2", hours: 10)
    _ = try await collect(delayHours: 1) { $0.succeeded == 1 }
    #expect(!exists("\(runs)/c1") && exists("\(runs)/c2") && exists("victim/file"))
  }

  @Test func aTimeInTheFutureCountsFromNowOn() async throws {
    let path = try sandbox("\(runs)/c1", hours: -1000)
    _ = try await collect(delayHours: 1) { $0.pending == 1 }
    var status = stat()
    #expect(stat(path, &status) == 0 && status.st_mtim.tv_sec <= time(nil))
  }
}
