import Foundation
import Glibc
import Testing

@testable import tepui_agent

@Suite(.enabled(if: has("tar", "gzip"), "needs tar and gzip")) struct ExtractionTests {
  @Test(arguments: [
    ("a.tar", "tar -cf ../a.tar .", "tar"), ("a.tar.gz", "tar -czf ../a.tar.gz .", "gzip"),
    ("a.tgz", "tar -czf ../a.tgz .", "gzip"), ("a.tar.bz2", "tar -cjf ../a.tar.bz2 .", "bzip2"),
    ("a.tar.xz", "tar -cJf ../a.tar.xz .", "xz"), ("a.zip", "zip -qry ../a.zip .", "zip"),
    ("--a b:c.tar", "tar --force-local -cf '../--a b:c.tar' .", "tar"),
    ("x[a]*.zip", "zip -qry ../y.zip . && mv ../y.zip '../x[a]*.zip'", "zip"),
  ])
  func archivesAreUnpackedIntoTheSandbox(name: String, command: String, tool: String) async throws {
    // Where a tool is missing there is nothing to make the archive with.
    guard has(tool) && (tool != "zip" || has("unzip")) else { return }
    let harness = try await FetcherHarness()
    let path = try harness.archive(
      name, command,
      of:
        "mkdir -p d/e closed && echo one > d/e/f && echo two > closed/g && chmod 555 closed && echo x > run && chmod 755 run"
    )
    let result = try await harness.fetch([uri(path)])
    #expect(result.failure == nil)
    #expect(result.names == [name, "closed", "d", "run"].sorted())
    #expect(result.text("d/e/f") == "one\n" && result.text("closed/g") == "two\n")
    #expect(access("\(result.sandbox)/run", X_OK) == 0)
    let unpacked = try await harness.fetch([uri(path) { $0.extract = false }])
    #expect(unpacked.names == [name])
  }

  @Test func aCompressedFileIsUnpackedBesideIt() async throws {
    let harness = try await FetcherHarness()
    let path = try harness.archive("data.gz", "gzip -c d > ../data.gz", of: "echo data > d")
    let result = try await harness.fetch([uri(path)])
    #expect(result.names == ["data", "data.gz"] && result.text("data") == "data\n")
    let executable = try await harness.fetch([uri(path) { $0.executable = true }])
    #expect(executable.names == ["data.gz"])
  }

  @Test func directoriesOfSeveralArchivesBecomeOne() async throws {
    let harness = try await FetcherHarness()
    let a = try harness.archive("a.tar", "tar -cf ../a.tar .", of: "mkdir d && echo a > d/a && echo a > d/both")
    let b = try harness.archive("b.tar", "tar -cf ../b.tar .", of: "mkdir d && echo b > d/b && echo b > d/both")
    let result = try await harness.fetch([uri(a), uri(b)])
    #expect(result.failure == nil)
    #expect([result.text("d/a"), result.text("d/b"), result.text("d/both")] == ["a\n", "b\n", "b\n"])
  }

  /// Names that go up or begin at the root, links to elsewhere with files below them, in one archive or in two.
  @Test func noArchiveWritesOutsideOfTheSandbox() async throws {
    let harness = try await FetcherHarness()
    let victim = try harness.directory.make("victim")
    let up = try harness.archive(
      "up.tar", "tar -cPf ../up.tar ../../evil-up", of: "echo x > ../../evil-up && rm -f evil")
    let absolute = try harness.archive(
      "abs.tar", "tar -cPf ../abs.tar '\(victim)/evil' && rm '\(victim)/evil'", of: "echo x > '\(victim)/evil'")
    let within = try harness.archive(
      "link.tar",
      "tar -cf ../link.tar a && rm a && mkdir a && echo x > a/evil && tar -rf ../link.tar a/evil",
      of: "ln -s '\(victim)' a")
    let link = try harness.archive("one.tar", "tar -cf ../one.tar b", of: "ln -s '\(victim)' b")
    let below = try harness.archive("two.tar", "tar -cf ../two.tar b/evil", of: "mkdir b && echo x > b/evil")
    try? FileManager.default.removeItem(atPath: "\(harness.directory.path)/../evil-up")
    for uris in [[up], [absolute], [within], [link, below]] {
      _ = try await harness.fetch(uris.map { uri($0) })
      #expect(try FileManager.default.contentsOfDirectory(atPath: victim) == [], "\(uris)")
      #expect(access("\(harness.directory.path)/evil-up", F_OK) != 0)
      #expect(access("\(harness.directory.path)/../evil-up", F_OK) != 0)
    }
    let named = try await harness.fetch([uri(link), uri(below) { $0.outputFile = "b/evil" }])
    #expect(named.failure?.contains("cannot open the directory") == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: victim) == [])
  }

  @Test func aBrokenArchiveLeavesNothingOfItsContent() async throws {
    let harness = try await FetcherHarness()
    let path = try harness.archive(
      "a.tar.gz", "tar -czf ../whole.tar.gz . && head -c 200000 ../whole.tar.gz > ../a.tar.gz",
      of: "mkdir d && head -c 400000 /dev/urandom > d/a && head -c 400000 /dev/urandom > d/b")
    let result = try await harness.fetch([uri(path)])
    #expect(result.failure?.hasPrefix("Failed to fetch '\(path)': it could not be unpacked: ") == true)
    #expect(result.names == ["a.tar.gz"])
    let nonsense = try harness.directory.write("this is no archive", to: "b.zip")
    #expect(try await harness.fetch([uri(nonsense)]).failure?.contains("could not be unpacked") == true)
  }

  @Test func ownersAndSpecialModesOfAnArchiveAreNotTaken() async throws {
    let harness = try await FetcherHarness()
    let path = try harness.archive(
      "a.tar", "tar --owner=1234 --group=1234 -cf ../a.tar .", of: "echo x > f && chmod 6777 f")
    let result = try await harness.fetch([uri(path)])
    var status = stat()
    #expect(stat("\(result.sandbox)/f", &status) == 0)
    #expect(status.st_uid == geteuid() && status.st_mode & 0o7777 == 0o755)
  }
}
