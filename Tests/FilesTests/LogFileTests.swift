import Files
import Foundation
import Testing
import Wire

@Suite struct LogFileTests {
  @Test func aLogThatSomebodyElseWritesIsFoundByItsNameAlone() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "tepui-log-\(UUID().uuidString)").path
    let log = LogFile(named: "/slave/log", external: path)
    #expect(log.attached == [:])
    #expect(throws: WireRefusal.notFound) { try log.open("/slave/log") }
    try Data("line\n".utf8).write(to: URL(filePath: path))
    defer { unlink(path) }
    #expect(log.attached.keys.sorted() == ["/slave/log"])
    #expect(try !log.open("/slave/log").isDirectory)
    for other in ["/slave/log/x", "/master/log", "/slave", path] {
      #expect(throws: WireRefusal.notFound) { try log.open(other) }
    }
  }
}
