import Testing

@testable import Fetching

@Suite struct FetchJobTests {
  @Test func aJobComesOutOfItsBytesAsItWentIn() {
    var job = FetchJob(sandbox: "/s \"x\"", work: .fill([]))
    var item = FetchJob.Item(uri: "http://h/a\nb", outputFile: "o/ü", isExecutable: true, extracts: false)
    var items = [item]
    item.origin = .descriptor(33)
    items.append(item)
    item.origin = .failed("why")
    items.append(item)
    job.work = .fill(items)
    job.user = .init(uid: 1000, gid: UInt32.max - 1, groups: [4, 5])
    job.frameworksHome = "/home"
    job.stallSeconds = 7
    #expect(FetchJob(bytes: job.bytes) == job)
    job.user = nil
    job.work = .cache(uri: "file:///x", descriptor: 32, limitBytes: 1 << 40)
    #expect(FetchJob(bytes: job.bytes) == job)
  }

  @Test func bytesThatAreCutAreNoJob() {
    let bytes = FetchJob(sandbox: "/s", work: .fill([.init(uri: "http://h/a")])).bytes
    for length in 0..<bytes.count { #expect(FetchJob(bytes: Array(bytes[..<length])) == nil) }
  }
}

@Suite struct FetchSourceTests {
  private func source(_ uri: String, home: String = "") throws -> FetchSource {
    try FetchSource(uri, frameworksHome: home)
  }

  @Test func aURILeadsToAFileOrToTheNet() throws {
    #expect(try source("/a/b") == .file("/a/b"))
    #expect(try source("file:///a/b") == .file("/a/b"))
    #expect(try source("file://localhost/a") == .file("/a"))
    #expect(try source(" \t\n/a") == .file("/a"))
    #expect(try source("a/b", home: "/home") == .file("/home/a/b"))
    #expect(try source("-x", home: "/home") == .file("/home/-x"))
    #expect(try source("HTTPS://h/a?b") == .net("HTTPS://h/a?b"))
    #expect(try source("ftp://h/a") == .net("ftp://h/a"))
  }

  @Test(arguments: [
    "hdfs://h/a", "relative", "file://a/b", "", "http://h/a\nb", "/a\u{0}b", "http://h/\u{7f}", "gopher://h/a",
  ])
  func otherURIsAreRefused(uri: String) {
    #expect(throws: FetchFailure.self) { _ = try source(uri) }
  }

  private func target(_ uri: String, _ outputFile: String = "") throws -> FetchTarget {
    try FetchTarget(.init(uri: uri, outputFile: outputFile))
  }

  @Test func theNameIsTheLastPartOfTheURIOrWhatIsAskedFor() throws {
    #expect(try target("http://h/a/b.tar.gz").name == "b.tar.gz")
    #expect(try target("http://h/a?q=1").name == "a?q=1")
    #expect(try target("/a/--help").name == "--help")
    let named = try target("http://h/", "x/./y//z")
    #expect(named.directories == ["x", "y"] && named.name == "z")
  }

  @Test(arguments: [
    ("http://h", ""), ("http://h/", ""), ("/a/", ""), ("/a/..", ""), ("/a", "/x"), ("/a", "../x"), ("/a", "x/../../y"),
    ("/a", "x/"), ("/a", "."), ("http://h/" + String(repeating: "x", count: 300), ""),
  ])
  func aNameThatIsNoneInTheSandboxIsRefused(uri: String, outputFile: String) {
    #expect(throws: FetchFailure.self) { _ = try target(uri, outputFile) }
  }

  @Test func archivesAreKnownByTheirNames() {
    #expect(ArchiveKind(name: "a.tar") == .tar(compression: nil))
    #expect(ArchiveKind(name: "a.tar.gz") == .tar(compression: "gzip"))
    #expect(ArchiveKind(name: "a.tbz2") == .tar(compression: "bzip2"))
    #expect(ArchiveKind(name: "a.txz") == .tar(compression: "xz"))
    #expect(ArchiveKind(name: "a.zip") == .zip)
    #expect(ArchiveKind(name: "a.gz") == .gzip)
    for name in [".gz", "zip", "a.bz2", "a.tar.gz?x=1", "a"] { #expect(ArchiveKind(name: name) == nil) }
  }

  @Test func passwordsAreLeftOutOfWhatIsTold() {
    #expect(FetchFailure.withoutPassword("http://me:secret@h/a@b") == "http://***@h/a@b")
    #expect(FetchFailure.withoutPassword("http://h/a@b") == "http://h/a@b")
    #expect(FetchFailure.withoutPassword("/a@b") == "/a@b")
  }
}
