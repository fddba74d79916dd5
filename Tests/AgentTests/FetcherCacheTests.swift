import Foundation
import Glibc
import Testing
import Wire

@testable import tepui_agent

@Suite(.enabled(if: has("curl", "tar"), "needs curl and tar")) struct FetcherCacheTests {
  private func cached(_ value: String) -> MesosCommandInfo.URI { uri(value) { $0.cache = true } }

  private func files(_ harness: FetcherHarness) -> [String] {
    let names = try? FileManager.default.contentsOfDirectory(atPath: "\(harness.directory.path)/cache")
    return (names ?? []).filter { $0 != "index.json" }.sorted()
  }

  @Test func whatIsCachedIsDownloadedOnceForEachUser() async throws {
    let harness = try await FetcherHarness()
    harness.web.put("a", Array("first".utf8))
    let a = harness.web.uri("/files/a")
    #expect(try await harness.fetch([cached(a)]).text("a") == "first")
    harness.web.put("a", Array("second".utf8))
    let again = try await harness.fetch([cached(a), cached(a), uri(a) { $0.outputFile = "fresh" }])
    #expect(again.text("a") == "first" && again.text("fresh") == "second")
    #expect(harness.web.requests("/files/a") == 2)
    #expect(harness.fetcher.statistics.cacheUsedBytes == 5)
    if geteuid() == 0 {
      #expect(try await harness.fetch([cached(a)], user: "0").text("a") == "second")
      #expect(harness.fetcher.statistics.cacheUsedBytes == 11)
    }
  }

  @Test func oneDownloadServesAllThatWaitForIt() async throws {
    let harness = try await FetcherHarness()
    let slow = cached(harness.web.uri("/held/x"))
    let first = try harness.request("first", [slow])
    async let cancelled = withCheckedContinuation { done in
      harness.fetcher.fetch(first) { done.resume(returning: $0?.description) }
    }
    while harness.web.requests("/held/x") == 0 { try await Task.sleep(for: .milliseconds(5)) }
    async let second = harness.fetch([slow], into: "second")
    async let third = harness.fetch([slow], into: "third")
    try await Task.sleep(for: .milliseconds(50))
    // The download goes on for the others.
    harness.fetcher.cancel("first")
    #expect(await cancelled != nil)
    harness.web.release()
    let (two, three) = try await (second, third)
    #expect(two.text("x") == "late" && three.text("x") == "late")
    #expect(harness.web.requests("/held/x") == 1)
  }

  @Test func theOldestFileMakesRoom() async throws {
    let harness = try await FetcherHarness(cacheSizeBytes: 1000)
    for name in ["a", "b", "c"] { harness.web.put(name, [UInt8](repeating: 65, count: 400)) }
    for name in ["a", "b", "a", "c", "a", "b"] {
      #expect(try await harness.fetch([cached(harness.web.uri("/files/\(name)"))]).names == [name])
    }
    #expect(["a", "b", "c"].map { harness.web.requests("/files/\($0)") } == [1, 2, 1])
    #expect(harness.fetcher.statistics.cacheUsedBytes == 800 && files(harness).count == 2)
  }

  @Test func whatIsTooLargeIsFetchedPastTheCache() async throws {
    let harness = try await FetcherHarness(cacheSizeBytes: 1000)
    harness.web.put("big", [UInt8](repeating: 65, count: 2000))
    let source = try harness.directory.write(String(repeating: "x", count: 2000), to: "local")
    let result = try await harness.fetch([cached(harness.web.uri("/files/big")), cached(source)])
    #expect(result.failure == nil && result.names == ["big", "local"])
    #expect(result.text("big")?.utf8.count == 2000 && files(harness) == [])
  }

  @Test func aRestartKeepsWhatIsUnchangedAndDeletesTheRest() async throws {
    var harness = try await FetcherHarness()
    for name in ["a", "b"] {
      harness.web.put(name, Array(name.utf8))
      _ = try await harness.fetch([cached(harness.web.uri("/files/\(name)"))])
    }
    let kept = files(harness)
    try harness.directory.write("half", to: "cache/99")
    try #require(kept.count == 2)
    try harness.directory.write("x", to: "cache/\(kept[1])")
    harness.restart()
    #expect(files(harness) == [kept[0]])
    #expect(try await harness.fetch([cached(harness.web.uri("/files/a"))]).text("a") == "a")
    #expect(try await harness.fetch([cached(harness.web.uri("/files/b"))]).text("b") == "b")
    #expect(harness.web.requests("/files/a") == 1 && harness.web.requests("/files/b") == 2)
  }

  @Test func ofACachedArchiveOnlyTheContentComes() async throws {
    let harness = try await FetcherHarness()
    let archive = try harness.archive("a.tar.gz", "tar -czf ../a.tar.gz .", of: "echo in > file")
    for _ in 0..<2 {
      let result = try await harness.fetch([cached(archive)])
      #expect(result.failure == nil && result.names == ["file"] && result.text("file") == "in\n")
    }
  }
}
