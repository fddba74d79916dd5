import Foundation
import Testing

/// A file of the repository, as the tests of the form of the code see it.
struct SourceFile {
  let path: String
  let text: String

  var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

  /// The first component of the path after the folder: `MasterCore` in Sources/MasterCore/Offers.swift.
  var room: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

  /// Modules that a Swift file imports.
  var imports: Set<String> {
    Set(
      lines.compactMap { line in
        let words = line.split(separator: " ").drop { $0.hasPrefix("@") || $0 == "public" || $0 == "internal" }
        guard words.first == "import" else { return nil }
        return words.last.map { String($0.split(separator: ".")[0]) }
      })
  }

  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// All files below a folder of the repository with one of these extensions, generated code left out.
  static func all(below folder: String, _ extensions: Set<String>) throws -> [SourceFile] {
    let base = root.appending(path: folder)
    let entries = try #require(FileManager.default.enumerator(atPath: base.path))
    var files: [SourceFile] = []
    for case let entry as String in entries {
      let path = "\(folder)/\(entry)"
      guard extensions.contains(URL(filePath: entry).pathExtension), !entry.contains("/Generated/") else { continue }
      files.append(SourceFile(path: path, text: try String(contentsOf: root.appending(path: path), encoding: .utf8)))
    }
    return files
  }
}
