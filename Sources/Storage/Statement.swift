import CSQLite

/// A prepared statement.
struct Statement {
  private let statement: OpaquePointer
  private let database: OpaquePointer
  private let path: String

  init(_ sql: String, _ database: OpaquePointer, _ path: String) throws(StorageError) {
    var handle: OpaquePointer?
    let code = sqlite3_prepare_v3(database, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
    guard code == SQLITE_OK, let handle else { throw StorageError(code, of: database, path) }
    statement = handle
    self.database = database
    self.path = path
  }

  func finalize() { sqlite3_finalize(statement) }

  func bind(_ text: String, at index: Int32) throws(StorageError) {
    try check(sqlite3_bind_text(statement, index, text, -1, Self.copied))
  }

  func bind(_ bytes: [UInt8], at index: Int32) throws(StorageError) {
    // Without bytes the pointer may be nil, which SQLite takes for NULL.
    let code =
      bytes.isEmpty
      ? sqlite3_bind_zeroblob(statement, index, 0)
      : sqlite3_bind_blob(statement, index, bytes, Int32(bytes.count), Self.copied)
    try check(code)
  }

  /// True if there is a row.
  func step() throws(StorageError) -> Bool {
    switch sqlite3_step(statement) {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    case let code: throw StorageError(code, of: database, path)
    }
  }

  /// Runs a statement without rows and makes it ready for the next values.
  func run() throws(StorageError) {
    let code = sqlite3_step(statement)
    sqlite3_reset(statement)
    guard code == SQLITE_DONE else { throw StorageError(code, of: database, path) }
  }

  func text(_ column: Int32) -> String {
    sqlite3_column_text(statement, column).map { String(cString: $0) } ?? ""
  }

  func bytes(_ column: Int32) -> [UInt8] {
    let start = sqlite3_column_blob(statement, column)
    return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column))))
  }

  func integer(_ column: Int32) -> Int32 { sqlite3_column_int(statement, column) }

  /// SQLITE_TRANSIENT, a macro that Swift does not see: SQLite copies the value before the call returns.
  private static var copied: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }

  private func check(_ code: Int32) throws(StorageError) {
    guard code == SQLITE_OK else { throw StorageError(code, of: database, path) }
  }
}
