import Foundation

/// A directory of a test's own, without symbolic links in its path; removed at the end.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
    path = url.appending(path: "tepui-agent-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func make(_ directory: String) throws -> String {
    try FileManager.default.createDirectory(atPath: "\(path)/\(directory)", withIntermediateDirectories: true)
    return "\(path)/\(directory)"
  }

  @discardableResult
  func write(_ text: String, to file: String) throws -> String {
    try Data(text.utf8).write(to: URL(filePath: "\(path)/\(file)"))
    return "\(path)/\(file)"
  }

  func link(_ file: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(atPath: "\(path)/\(file)", withDestinationPath: target)
  }
}
