import CSQLite
import Foundation
import Storage
import Testing

@Suite final class RecordStoreTests {
  private let directory: URL
  private var path: String { directory.appending(path: "store.db").path }

  init() throws {
    directory = FileManager.default.temporaryDirectory.appending(path: "tepui-store-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: directory) }

  @Test func aNewStoreIsEmpty() throws {
    #expect(try RecordStore(path: path, survives: .powerFailure).load().isEmpty)
  }

  @Test func changesAreThereAfterReopening() throws {
    try RecordStore(path: path, survives: .powerFailure).apply([
      .put(key: "a", value: [1, 0, 255]), .put(key: "b", value: []), .put(key: "c", value: [3]),
      .put(key: "c", value: [4]), .delete(key: "a"), .put(key: "ä/ü x", value: [5]),
    ])
    #expect(try RecordStore(path: path, survives: .powerFailure).load() == ["b": [], "c": [4], "ä/ü x": [5]])
  }

  @Test func deleteAllComesInOrderWithTheRest() throws {
    let store = try RecordStore(path: path, survives: .powerFailure)
    try store.apply([.put(key: "a", value: [1])])
    try store.apply([.put(key: "b", value: [2]), .deleteAll, .put(key: "c", value: [3])])
    #expect(try store.load() == ["c": [3]])
  }

  /// The files of an open store, copied between two commits, are what a process leaves that is killed there.
  @Test func everyCommitSurvivesTheEndOfTheProcess() throws {
    let store = try RecordStore(path: path, survives: .powerFailure)
    for number in 0..<100 {
      try store.apply([.put(key: "n", value: [UInt8(number)]), .put(key: "k\(number)", value: [1])])
    }
    let copy = directory.appending(path: "copy")
    try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
    for name in try FileManager.default.contentsOfDirectory(atPath: directory.path) where name.hasPrefix("store.db") {
      try FileManager.default.copyItem(at: directory.appending(path: name), to: copy.appending(path: name))
    }
    let records = try RecordStore(path: copy.appending(path: "store.db").path, survives: .powerFailure).load()
    #expect(records["n"] == [99])
    #expect(records.count == 101)
    withExtendedLifetime(store) {}
  }

  @Test func aSecondProcessIsToldThatTheStoreIsInUse() throws {
    let store = try RecordStore(path: path, survives: .powerFailure)
    #expect { _ = try RecordStore(path: self.path, survives: .powerFailure) } throws: {
      ($0 as? StorageError)?.code == .inUse
    }
    withExtendedLifetime(store) {}
  }

  @Test func aFileThatIsNoDatabaseIsCorrupted() throws {
    try Data(repeating: 0x41, count: 8192).write(to: URL(filePath: path))
    #expect {
      _ = try RecordStore(path: self.path, survives: .powerFailure)
    } throws: { error in
      (error as? StorageError)?.code == .corrupted && "\(error)".hasPrefix(self.path)
    }
  }

  @Test func aNewerFormatIsRefused() throws {
    _ = try RecordStore(path: path, survives: .powerFailure)
    var database: OpaquePointer?
    #expect(sqlite3_open(path, &database) == SQLITE_OK)
    #expect(sqlite3_exec(database, "PRAGMA user_version = 99", nil, nil, nil) == SQLITE_OK)
    sqlite3_close(database)
    #expect {
      _ = try RecordStore(path: self.path, survives: .powerFailure)
    } throws: { error in
      (error as? StorageError)?.code == .newerSchema && "\(error)".contains("format 99")
    }
  }

  @Test func aMissingDirectoryIsNamed() throws {
    #expect {
      _ = try RecordStore(path: "/nonexistent/store.db", survives: .powerFailure)
    } throws: { error in
      (error as? StorageError)?.code == .inputOutput && "\(error)".contains("/nonexistent/store.db")
    }
  }
}
