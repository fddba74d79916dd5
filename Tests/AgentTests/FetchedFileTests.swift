import Containment
import Foundation
import Glibc
import Testing
import Wire

@testable import tepui_agent

@Suite struct FetchedFileTests {
  private let directory: TemporaryDirectory
  private let sandbox: String

  init() throws {
    directory = try TemporaryDirectory()
    sandbox = try directory.make("sandbox")
  }

  private func uri(_ value: String, _ change: (inout MesosCommandInfo.URI) -> Void = { _ in }) -> MesosCommandInfo.URI {
    var uri = MesosCommandInfo.URI()
    uri.value = value
    change(&uri)
    return uri
  }

  private func mode(_ path: String) -> mode_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
  }

  @Test func aFileIsCopiedUnderItsName() throws {
    let source = try directory.write("data", to: "input.txt")
    for value in [source, "file://\(source)"] {
      try? FileManager.default.removeItem(atPath: "\(sandbox)/input.txt")
      try FetchedFile(uri(value)).copy(into: sandbox, for: nil)
      #expect(try String(contentsOfFile: "\(sandbox)/input.txt", encoding: .utf8) == "data")
      #expect(mode("\(sandbox)/input.txt") == 0o644)
    }
  }

  @Test func anExecutableFileGetsItsBit() throws {
    let source = try directory.write("#!/bin/sh", to: "run.sh")
    try FetchedFile(uri(source) { $0.executable = true }).copy(into: sandbox, for: nil)
    #expect(mode("\(sandbox)/run.sh") == 0o755)
  }

  @Test func theNameInTheSandboxMayBeGiven() throws {
    let source = try directory.write("data", to: "input.txt")
    try FetchedFile(uri(source) { $0.outputFile = "in/other.txt" }).copy(into: sandbox, for: nil)
    #expect(try String(contentsOfFile: "\(sandbox)/in/other.txt", encoding: .utf8) == "data")
  }

  @Test(arguments: ["../x", "/x", "a/../../x"]) func aNameOutsideOfTheSandboxIsRefused(name: String) throws {
    #expect { _ = try FetchedFile(uri("/etc/hostname") { $0.outputFile = name }) } throws: {
      "\($0)".contains("'\(name)' is not a path within the sandbox")
    }
  }

  @Test(arguments: ["http://host/file", "relative", "hdfs://x/y"]) func otherPlacesAreRefused(value: String) {
    #expect { _ = try FetchedFile(uri(value)) } throws: { "\($0)".contains("'\(value)'") }
  }

  @Test func anArchiveThatWouldHaveToBeExtractedIsRefused() throws {
    #expect(throws: FileError.self) { _ = try FetchedFile(uri("/tmp/a.tar.gz")) }
    #expect(throws: Never.self) { _ = try FetchedFile(uri("/tmp/a.tar.gz") { $0.extract = false }) }
  }

  @Test func aMissingFileIsNamed() throws {
    let file = try FetchedFile(uri("/no/such/file"))
    #expect { try file.copy(into: sandbox, for: nil) } throws: {
      "\($0)" == "cannot read /no/such/file: No such file or directory"
    }
  }

  /// Some machines made from an archive have a root directory that only root may pass through.
  private static let othersMayPassThroughRoot: Bool = {
    var status = stat()
    return stat("/", &status) == 0 && status.st_mode & 1 != 0
  }()

  @Test(.enabled(if: geteuid() == 0 && othersMayPassThroughRoot, "needs root, and a / that others may pass through"))
  func aFileThatTheUserMayNotReadIsRefused() throws {
    let user = try #require(UserAccount("65534"))
    let secret = try directory.write("secret", to: "secret")
    chmod(directory.path, 0o755)
    chmod(secret, 0o600)
    #expect { try FetchedFile(uri(secret)).copy(into: sandbox, for: user) } throws: {
      "\($0)".hasSuffix("Permission denied")
    }
    chmod(secret, 0o644)
    #expect(throws: Never.self) { try FetchedFile(uri(secret)).copy(into: sandbox, for: user) }
    var status = stat()
    #expect(stat("\(sandbox)/secret", &status) == 0 && status.st_uid == 65534)
  }
}
